package io.calm.settings;

import io.calm.runtime.Decoders;
import io.calm.runtime.KvType;
import java.util.OptionalInt;

/**
 * Settings of the computation of a model.
 *
 * @param kernel the CPU kernels
 * @param threads threads of the kernels; empty: one per processor that the process may use
 * @param kvCache number format of keys and values
 */
public record DecoderSettings(KernelChoice kernel, OptionalInt threads, KvType kvCache) {

  /** Returns the number of threads that compute. */
  public int threadCount() {
    return threads.orElseGet(() -> Runtime.getRuntime().availableProcessors());
  }

  /** Returns the settings in the form that opens a decoder. */
  public Decoders.Settings forDecoder() {
    return forDecoder(kvCache);
  }

  /** Returns the settings with another number format of keys and values. */
  public Decoders.Settings forDecoder(KvType kvType) {
    return new Decoders.Settings(kernel.setting(), kvType, threadCount());
  }
}
