package io.calm.compare;

import io.calm.generate.Scheduler;
import io.calm.runtime.Decoder;
import java.util.List;
import java.util.function.BooleanSupplier;

/** Access to the uniform twin of a served model. All methods but {@link #describe} may be slow. */
public interface Baseline {
  /** A model without a twin. */
  Baseline NONE =
      new Baseline() {
        @Override
        public LatencyReport.Twin describe() {
          return LatencyReport.Twin.off("off", "this model has no uniform twin");
        }

        @Override
        public void make(BooleanSupplier cancelled) {
          throw new IllegalStateException("there is no uniform twin");
        }

        @Override
        public Decoders open(List<StepShape> shapes) {
          throw new IllegalStateException("there is no uniform twin");
        }

        @Override
        public Scheduler schedule(double share) {
          throw new IllegalStateException("there is no uniform twin");
        }
      };

  /** Two fresh decoders with equal settings, and their memory. */
  interface Decoders extends AutoCloseable {
    /** Returns the decoder of the served plan. */
    Decoder served();

    /** Returns the decoder of the twin. */
    Decoder uniform();

    /** Closes both decoders and returns their memory. */
    @Override
    void close();
  }

  /** Returns which plan the twin is and whether it is stored. */
  LatencyReport.Twin describe();

  /**
   * Makes the twin and stores it, unless it is stored.
   *
   * @param cancelled asked while it is made; true ends it with an exception
   */
  void make(BooleanSupplier cancelled);

  /** Opens both plans for steps of these shapes. Throws if the memory is not available. */
  Decoders open(List<StepShape> shapes);

  /**
   * Starts a scheduler on the twin, which must be stored.
   *
   * @param share share of the model's requests that it will answer
   */
  Scheduler schedule(double share);
}
