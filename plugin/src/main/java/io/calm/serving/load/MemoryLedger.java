package io.calm.serving.load;

import io.calm.generate.Scheduler;
import io.calm.quantize.MemoryLimits;
import io.calm.quantize.QuantizedModelStore;
import java.time.Duration;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * The memory that is reserved for the models of this process. Mapped weights, and keys and values
 * of unused blocks, look free to the operating system until they are used. Reservations count in
 * full, used or not, so that a machine short of memory refuses a model instead of swapping. Thread
 * safe.
 */
final class MemoryLedger {
  /** The ledger of this process. */
  static final MemoryLedger PROCESS = new MemoryLedger(MemoryLimits::available);

  private final LongSupplier machine;
  private final Map<Scheduler, Long> loaded = new WeakHashMap<>();
  private long loading;

  MemoryLedger(LongSupplier machine) {
    this.machine = machine;
  }

  /** The memory that is available to a load, and the memory reserved for others, in bytes. */
  record Room(long available, long promised) {}

  /**
   * The reservation of a load. It is closed if the load fails, or {@link #keep kept} by the model.
   */
  final class MemoryReservation implements QuantizedModelStore.Reservation {
    private final AtomicLong bytes;

    private MemoryReservation(long bytes) {
      this.bytes = new AtomicLong(bytes);
    }

    /**
     * Reduces the reservation by memory that has been allocated and written, such as copies of
     * weights. The system no longer counts it as available, so it would count twice.
     */
    void allocated(long written) {
      synchronized (MemoryLedger.this) {
        long counted = Math.min(written, bytes.get());
        bytes.addAndGet(-counted);
        loading -= counted;
      }
    }

    /** Passes what is left of the reservation to a model until its scheduler ends. */
    void keep(Scheduler scheduler) {
      synchronized (MemoryLedger.this) {
        loaded.put(scheduler, bytes.get());
        close();
      }
    }

    @Override
    public void close() {
      synchronized (MemoryLedger.this) {
        loading -= bytes.getAndSet(0);
      }
    }
  }

  /** Returns the memory that is available to one more model. */
  synchronized Room room() {
    loaded.keySet().removeIf(MemoryLedger::ended);
    long promised = loading + loaded.values().stream().mapToLong(Long::longValue).sum();
    return new Room(machine.getAsLong() - promised, promised);
  }

  /**
   * Reserves the memory of a model.
   *
   * @throws NotEnoughMemoryException if it is not available
   */
  synchronized MemoryReservation reserve(MemoryEstimate estimate) {
    Room room = room();
    estimate.requireFits(room.available(), room.promised());
    return reserveUnchecked(estimate);
  }

  /** Returns whether everything that is reserved fits in memory, although it was not checked. */
  synchronized boolean hasRoom() {
    return room().available() >= 0;
  }

  /** Reserves the memory of a model without a check. */
  synchronized MemoryReservation reserveUnchecked(MemoryEstimate estimate) {
    loading += estimate.bytes();
    return new MemoryReservation(estimate.bytes());
  }

  private static boolean ended(Scheduler scheduler) {
    try {
      return scheduler.awaitClosed(Duration.ZERO);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}
