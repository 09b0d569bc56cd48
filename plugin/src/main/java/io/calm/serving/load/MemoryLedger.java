package io.calm.serving.load;

import io.calm.generate.Scheduler;
import io.calm.quantize.Memory;
import io.calm.quantize.QuantizedModelStore;
import java.time.Duration;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * Memory that the models of a process were promised, so that one which loads does not count on what
 * another has not touched yet: mapped weights look free to the system, and so do keys and values
 * until a sequence needs them. What was promised counts in full, touched or not, so that a tight
 * machine refuses a model rather than swaps. Thread safe.
 */
final class MemoryLedger {
  /** The one of this process. */
  static final MemoryLedger PROCESS = new MemoryLedger(Memory::available);

  private final LongSupplier machine;
  private final Map<Scheduler, Long> loaded = new WeakHashMap<>();
  private long loading;

  MemoryLedger(LongSupplier machine) {
    this.machine = machine;
  }

  /** What a load may use. */
  record Room(long available, long promised) {}

  /** A load's claim; closed when it has failed, or {@link #keep kept} by its model. */
  final class Claim implements QuantizedModelStore.Reservation {
    private final AtomicLong bytes;

    private Claim(long bytes) {
      this.bytes = new AtomicLong(bytes);
    }

    /** Hands the claim to a model, for as long as its scheduler runs. */
    void keep(Scheduler scheduler, long modelBytes) {
      synchronized (MemoryLedger.this) {
        loaded.put(scheduler, modelBytes);
      }
      close();
    }

    @Override
    public void close() {
      synchronized (MemoryLedger.this) {
        loading -= bytes.getAndSet(0);
      }
    }
  }

  /** Returns what is there for one more model. */
  synchronized Room room() {
    loaded.keySet().removeIf(MemoryLedger::ended);
    long promised = loading + loaded.values().stream().mapToLong(Long::longValue).sum();
    return new Room(machine.getAsLong() - promised, promised);
  }

  /**
   * Claims the memory of a model.
   *
   * @throws NotEnoughMemoryException if it is not there
   */
  synchronized Claim claim(MemoryEstimate estimate) {
    Room room = room();
    estimate.requireFits(room.available(), room.promised());
    return claimUnchecked(estimate);
  }

  /** Claims it whether it is there or not. */
  synchronized Claim claimUnchecked(MemoryEstimate estimate) {
    loading += estimate.bytes();
    return new Claim(estimate.bytes());
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
