package io.calm.serving.reply;

import java.util.concurrent.atomic.AtomicLong;

/** A limit on the bytes that all requests hold together for one purpose. Thread safe. */
public final class ByteBudget {
  private static final long MIN_SHARE_BYTES = 16L << 20;

  private final AtomicLong taken = new AtomicLong();
  private volatile long max;

  public ByteBudget(long max) {
    this.max = max;
  }

  /** Returns the share of the heap that a budget usually has: an eighth, at least 16 MiB. */
  public static long share() {
    return Math.max(MIN_SHARE_BYTES, Runtime.getRuntime().maxMemory() / 8);
  }

  /** Returns the limit. */
  public long max() {
    return max;
  }

  /** Raises the limit to {@code bytes} if it is lower. */
  public void raise(long bytes) {
    max = Math.max(max, bytes);
  }

  /** Returns whether more than half is taken, so that no new user should begin. */
  public boolean isHalfTaken() {
    return taken.get() > max / 2;
  }

  /** Takes {@code bytes} and returns true, or takes none and returns false. */
  public boolean take(long bytes) {
    return take(bytes, max);
  }

  /**
   * Takes {@code bytes} and returns true, or takes none and returns false.
   *
   * @param ceiling the maximum total after this call, for users that must leave some to others
   */
  public boolean take(long bytes, long ceiling) {
    long before = taken.get();
    while (before + bytes <= ceiling) {
      long found = taken.compareAndExchange(before, before + bytes);
      if (found == before) {
        return true;
      }
      before = found;
    }
    return false;
  }

  public void give(long bytes) {
    taken.addAndGet(-bytes);
  }

  /** Returns an empty charge to this budget. */
  public Charge charge() {
    return new Charge(this);
  }

  /** The bytes that one request holds. {@link #close} gives them back, once. Thread safe. */
  public static final class Charge implements AutoCloseable {
    private final ByteBudget budget;
    private long bytes;
    private boolean closed;

    private Charge(ByteBudget budget) {
      this.budget = budget;
    }

    /** Takes more bytes and returns true; takes none if too few are left or this is closed. */
    public synchronized boolean grow(long more) {
      if (closed || !budget.take(more)) {
        return false;
      }
      bytes += more;
      return true;
    }

    /** Returns the limit of the budget. */
    public long max() {
      return budget.max();
    }

    @Override
    public synchronized void close() {
      closed = true;
      budget.give(bytes);
      bytes = 0;
    }
  }
}
