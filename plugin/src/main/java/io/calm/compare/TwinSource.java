package io.calm.compare;

import io.calm.generate.Scheduler;
import io.calm.runtime.Decoder;
import java.util.List;
import java.util.function.BooleanSupplier;

/** Access to the uniform twin of a served model. All methods but {@link #describe} may be slow. */
public interface TwinSource {
  /** A model without a twin. */
  TwinSource NONE =
      new TwinSource() {
        @Override
        public LatencyReport.Twin describe() {
          return LatencyReport.Twin.off("off", "this model has no uniform twin");
        }

        @Override
        public Stored make(BooleanSupplier cancelled) {
          throw new IllegalStateException("there is no uniform twin");
        }

        @Override
        public Plans read() {
          throw new IllegalStateException("there is no uniform twin");
        }
      };

  /** The files of the twin, open and verified. */
  interface Stored extends AutoCloseable {
    /**
     * Starts a scheduler on the twin. Throws if the memory is not available.
     *
     * @param share share of the model's requests that it will answer
     * @param pause called before each part of the work, of some milliseconds; an exception that it
     *     throws ends the work
     */
    Scheduler schedule(double share, Runnable pause);

    /** Gives the files back; a scheduler keeps what it needs. */
    @Override
    void close();
  }

  /** The files of both plans, read and verified. Decoders of them may be opened several times. */
  interface Plans extends AutoCloseable {
    /**
     * Opens a decoder of each plan for steps of these shapes. Throws if the memory is not
     * available.
     *
     * @param uniformFirst whether the twin is opened first, and so has the memory that is free
     *     first
     * @param pause called before each part of the work, of some milliseconds; an exception that it
     *     throws ends the work
     */
    PairedDecoders open(List<StepShape> shapes, boolean uniformFirst, Runnable pause);

    /** Gives the files back; open decoders keep what they need. */
    @Override
    void close();
  }

  /** Two fresh decoders with equal settings, and their memory. */
  interface PairedDecoders extends AutoCloseable {
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
   * Verifies the twin, beside requests, and makes and stores it first if it is missing or damaged.
   *
   * @param cancelled asked while it is made; true ends it with an exception
   * @return the twin, which the caller closes
   */
  Stored make(BooleanSupplier cancelled);

  /** Reads and verifies both plans, beside requests. Throws if the twin is not stored. */
  Plans read();
}
