package io.calm.checkpoint.storage;

import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A value that is built on first use; after a failure, the next use tries again. Thread safe. */
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

  /** Removes and returns the value; empty if it was never built. */
  synchronized Optional<T> take() {
    Optional<T> built = Optional.ofNullable(value);
    value = null;
    return built;
  }
}
