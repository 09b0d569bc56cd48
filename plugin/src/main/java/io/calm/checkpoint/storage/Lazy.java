package io.calm.checkpoint.storage;

import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A value that is built on first use; after a failure, the next use tries again. Thread safe. */
final class Lazy<T> {
  private final Supplier<T> source;
  private @Nullable T value;
  private boolean closed;

  Lazy(Supplier<T> source) {
    this.source = source;
  }

  /**
   * Returns the value.
   *
   * @throws IllegalStateException after {@link #close}
   */
  synchronized T get() {
    if (closed) {
      throw new IllegalStateException("the checkpoint is closed");
    }
    T built = value;
    if (built == null) {
      built = source.get();
      value = built;
    }
    return built;
  }

  /** Waits for a build, lets no other begin, and returns the value; empty if there is none. */
  synchronized Optional<T> close() {
    closed = true;
    Optional<T> built = Optional.ofNullable(value);
    value = null;
    return built;
  }
}
