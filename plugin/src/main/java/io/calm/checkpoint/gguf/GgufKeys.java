package io.calm.checkpoint.gguf;

import io.calm.checkpoint.CheckpointException;
import io.calm.text.Printable;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * A typed view of GGUF metadata. Keys that start with a dot are prefixed by the architecture:
 * {@code .block_count} stands for {@code llama.block_count}.
 */
final class GgufKeys {
  private static final String ARCHITECTURE = "general.architecture";

  private final String file;
  private final Map<String, Object> metadata;
  private final String architecture;

  GgufKeys(GgufFile gguf) {
    this.file = gguf.path().toString();
    this.metadata = gguf.metadata();
    this.architecture =
        text(ARCHITECTURE)
            .orElseThrow(
                () ->
                    CheckpointException.refused(
                        where(ARCHITECTURE), "a name", "nothing", "this is not a model file"));
  }

  String architecture() {
    return architecture;
  }

  String where(String key) {
    return "%s: key %s".formatted(file, Printable.of(full(key)));
  }

  /** Returns the full name of a key. */
  String full(String key) {
    return key.startsWith(".") ? architecture + key : key;
  }

  Optional<Object> value(String key) {
    return Optional.ofNullable(metadata.get(full(key)));
  }

  Optional<String> text(String key) {
    return value(key).map(value -> cast(key, value, String.class, "a string"));
  }

  Optional<Boolean> flag(String key) {
    return value(key).map(value -> cast(key, value, Boolean.class, "true or false"));
  }

  private <T> T cast(String key, Object value, Class<T> type, String expected) {
    if (type.isInstance(value)) {
      return type.cast(value);
    }
    throw wrong(key, expected, value);
  }

  OptionalDouble number(String key) {
    Optional<Object> value = value(key);
    if (value.isEmpty()) {
      return OptionalDouble.empty();
    }
    if (value.get() instanceof Number number && Double.isFinite(number.doubleValue())) {
      return OptionalDouble.of(number.doubleValue());
    }
    throw wrong(key, "a finite number", value.get());
  }

  /** Reads an integer; a list with one integer per block must have equal ones. */
  OptionalInt integer(String key) {
    Optional<Object> value = value(key);
    if (value.isEmpty()) {
      return OptionalInt.empty();
    }
    Object single = value.get();
    if (single instanceof List<?> list && new HashSet<>(list).size() == 1) {
      single = list.get(0);
    }
    if (single instanceof Long number && number >= 0 && number <= Integer.MAX_VALUE) {
      return OptionalInt.of(number.intValue());
    }
    throw wrong(key, "a whole number, the same for every block", value.get());
  }

  int requiredInteger(String key) {
    return integer(key).orElseThrow(() -> missing(key));
  }

  double requiredNumber(String key) {
    return number(key).orElseThrow(() -> missing(key));
  }

  private CheckpointException missing(String key) {
    return CheckpointException.refused(
        where(key), "a number", "nothing", "convert the model again with a current llama.cpp");
  }

  CheckpointException wrong(String key, String expected, Object got) {
    return CheckpointException.refused(
        where(key), expected, got, "this model is not supported, or the file is damaged");
  }
}
