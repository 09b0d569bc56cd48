package io.calm.checkpoint.storage;

import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A value that is built at the first need; a failed attempt is made again. Thread safe. */
final class Lazy<T> {
  private final Supplier<T> source;
  private @Nullable T value;

  Lazy(Supplier<T> source) {
    this.source = source;
  }

  synchronized T get() {
    T built = value;
    if (built == null) {
      built = source.get();
      value = built;
    }
    return built;
  }

  /** Returns the value and forgets it; empty if it was never built. */
  synchronized Optional<T> take() {
    Optional<T> built = Optional.ofNullable(value);
    value = null;
    return built;
  }
}
