package io.calm.jinja;

/** A view of a dictionary: {@code keys()}, {@code values()} or {@code items()}. */
record ViewValue(DictValue dict, Kind kind) implements Value {

  /** The parts of a dictionary that a view shows. */
  enum Kind {
    KEYS,
    VALUES,
    ITEMS
  }

  @Override
  public String type() {
    return switch (kind) {
      case KEYS -> "dict_keys";
      case VALUES -> "dict_values";
      case ITEMS -> "dict_items";
    };
  }

  @Override
  public boolean truth() {
    return dict.truth();
  }

  @Override
  public int depth() {
    return dict.depth();
  }
}
