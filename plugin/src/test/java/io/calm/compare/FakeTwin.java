package io.calm.compare;

import io.calm.compare.LatencyReport.TwinState;
import io.calm.generate.Scheduler;
import io.calm.runtime.Decoder;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;

/** A twin that takes 1 % less time than the served plan. */
class FakeTwin implements TwinSource {
  final AtomicInteger read = new AtomicInteger();
  final AtomicInteger madeClosed = new AtomicInteger();
  final AtomicInteger openPlans = new AtomicInteger();
  final AtomicInteger opened = new AtomicInteger();
  final AtomicInteger open = new AtomicInteger();
  final AtomicInteger steps = new AtomicInteger();
  final AtomicLong clock = new AtomicLong();
  final List<Boolean> orders = new CopyOnWriteArrayList<>();
  int openings = 1;
  volatile boolean wide;
  volatile TwinState state = TwinState.READY;

  @Override
  public LatencyReport.Twin describe() {
    return new LatencyReport.Twin("auto", "uniform-gptq", false, state, "the best");
  }

  @Override
  public Stored make(BooleanSupplier cancelled) {
    state = TwinState.READY;
    return new Stored() {
      @Override
      public Scheduler schedule(double share, Runnable pause) {
        pause.run();
        return FakeTwin.this.schedule();
      }

      @Override
      public void close() {
        madeClosed.incrementAndGet();
      }
    };
  }

  void stepped() {}

  /** What the memory of an opening adds to a step of the served plan. */
  int placement() {
    return 0;
  }

  @Override
  public Plans read() {
    read.incrementAndGet();
    openPlans.incrementAndGet();
    return new Plans() {
      @Override
      public PairedDecoders open(List<StepShape> shapes, boolean uniformFirst, Runnable pause) {
        pause.run();
        return FakeTwin.this.open(shapes, uniformFirst);
      }

      @Override
      public void close() {
        openPlans.decrementAndGet();
      }
    };
  }

  PairedDecoders open(List<StepShape> shapes, boolean uniformFirst) {
    opened.incrementAndGet();
    open.incrementAndGet();
    int blocks = StepShape.blocks(shapes);
    orders.add(uniformFirst);
    int placed = placement();
    TimedDecoder served = new TimedDecoder(clock, blocks, chunks -> step(1010 + placed));
    TimedDecoder uniform = new TimedDecoder(clock, blocks, chunks -> step(1000));
    return new PairedDecoders() {
      @Override
      public Decoder served() {
        return served;
      }

      @Override
      public Decoder uniform() {
        return uniform;
      }

      @Override
      public void close() {
        open.decrementAndGet();
      }
    };
  }

  private long step(long nanos) {
    steps.incrementAndGet();
    stepped();
    return wide ? nanos + 100L * (steps.get() % 7) : nanos;
  }

  Scheduler schedule() {
    throw new IllegalStateException("no memory for the twin");
  }
}
