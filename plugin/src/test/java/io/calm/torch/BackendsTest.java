package io.calm.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.calm.model.ActivationMode;
import io.calm.model.QuantizedModel;
import io.calm.runtime.Backend;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.runtime.JavaDecoder;
import io.calm.runtime.KvType;
import io.calm.runtime.RandomModels;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BackendsTest {
  private static final QuantizedModel MODEL =
      RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(1));

  private static Decoders.Settings settings(String kernel, Backend backend) {
    return new Decoders.Settings(kernel, KvType.FLOAT16, 1, backend);
  }

  @Test
  void pytorchIsTheEnginesDecoder() {
    Decoders.Settings settings = settings(Decoders.AUTO, Backend.PYTORCH);
    try (Decoder decoder = Backends.open(MODEL, settings, 1)) {
      assertInstanceOf(TorchDecoder.class, decoder);
    }
    assertEquals(
        TorchDecoder.blockBytes(MODEL.spec(), KvType.FLOAT16),
        Backends.blockBytes(MODEL.spec(), settings));
  }

  @Test
  void javaIsTheDecoderInJava() {
    Decoders.Settings settings = settings(Decoders.JAVA, Backend.JAVA);
    try (Decoder decoder = Backends.open(MODEL, settings, 1)) {
      assertInstanceOf(JavaDecoder.class, decoder);
    }
  }

  @Test
  void autoTakesTheCpuWhereThereIsNoDeviceOrAKernelIsNamed() {
    assertTrue(!Backends.isTorch(settings(Decoders.JAVA, Backend.AUTO)));
    assumeFalse(CudaDevice.usable(), "this machine has a CUDA device");
    assertTrue(!Backends.isTorch(settings(Decoders.AUTO, Backend.AUTO)));
  }
}
