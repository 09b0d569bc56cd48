package io.calm.tensor;

import java.util.Optional;
import java.util.function.Supplier;

/**
 * How long memory that several look at stays valid: until {@link #close} has been called and the
 * last {@link Lease} has been given back, whichever comes later. Nobody gets a lease after closing.
 *
 * <p>So whoever reads only under a lease can never read freed memory, in whatever order owner and
 * readers end. Thread safe.
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
   * @param damage what has happened to the memory that makes it unreadable; empty: nothing known
   */
  public Lifetime(Runnable release, Supplier<Optional<String>> damage) {
    this.release = release;
    this.damage = damage;
  }

  /** Returns the lifetime of memory that the garbage collector frees. */
  public static Lifetime collected() {
    return new Lifetime(() -> {});
  }

  /**
   * Returns what has happened to the memory, e.g. to the file it is mapped from; empty: nothing.
   */
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
      throw new IllegalStateException("expected a model that is open, got one that was closed");
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
