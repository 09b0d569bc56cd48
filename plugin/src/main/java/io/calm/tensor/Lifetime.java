package io.calm.tensor;

import java.util.Optional;
import java.util.function.Supplier;

/**
 * The validity of shared memory: it ends when {@link #close} has been called and the last {@link
 * Lease} has been returned, whichever comes later. No lease is given after closing.
 *
 * <p>A reader that holds a lease never reads freed memory, in whatever order owner and readers end.
 * Thread safe.
 */
public final class Lifetime implements AutoCloseable {
  private final Runnable release;
  private final Supplier<Optional<String>> damage;
  private int leases;
  private boolean closed;
  private boolean released;

  /**
   * @param release frees the memory; run once
   */
  public Lifetime(Runnable release) {
    this(release, Optional::empty);
  }

  /**
   * @param release frees the memory; run once
   * @param damage describes the damage that made the memory unreadable; empty if none is known
   */
  public Lifetime(Runnable release, Supplier<Optional<String>> damage) {
    this.release = release;
    this.damage = damage;
  }

  /** Returns the lifetime of memory that the garbage collector frees. */
  public static Lifetime collected() {
    return new Lifetime(() -> {});
  }

  /** Describes damage to the memory, e.g. to the mapped file; empty if none is known. */
  public Optional<String> damage() {
    return damage.get();
  }

  /** The right to read, until it is closed. */
  public interface Lease extends AutoCloseable {
    /** Gives the right back; without effect after the first time. */
    @Override
    void close();
  }

  /**
   * Returns a lease.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public synchronized Lease lease() {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
    leases++;
    return new Lease() {
      private boolean open = true;

      @Override
      public void close() {
        synchronized (Lifetime.this) {
          if (open) {
            open = false;
            leases--;
            releaseAtEnd();
          }
        }
      }
    };
  }

  /** Frees the memory now, or with the last lease; without effect after the first time. */
  @Override
  public synchronized void close() {
    closed = true;
    releaseAtEnd();
  }

  private void releaseAtEnd() {
    if (closed && leases == 0 && !released) {
      released = true;
      release.run();
    }
  }
}
