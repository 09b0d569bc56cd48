package io.calm.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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
import java.util.Optional;
import java.util.OptionalLong;
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
      assertTrue(Backends.isTorch(decoder));
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
    assertFalse(Backends.isTorch(settings(Decoders.JAVA, Backend.AUTO)));
    assumeFalse(CudaDevice.usable(1), "this machine has a CUDA device");
    Decoders.Settings auto = settings(Decoders.AUTO, Backend.AUTO);
    assertFalse(Backends.isTorch(auto));
    assertEquals(OptionalLong.empty(), Backends.deviceBytes(auto, 0));
    Decoders.Settings pytorch = settings(Decoders.AUTO, Backend.PYTORCH);
    assertEquals(OptionalLong.empty(), Backends.deviceBytes(pytorch, 0));
  }

  @Test
  void theEngineIsLoadedWithOurSettingsUnlessTheOperatorHasSetThem() {
    String threads = "ai.djl.pytorch.num_threads";
    Optional<String> before = Optional.ofNullable(System.getProperty(threads));
    try {
      System.clearProperty(threads);
      assertEquals("PyTorch", TorchEngine.load(1).getEngineName());
      assertEquals("1", System.getProperty(threads));
      assertEquals("false", System.getProperty("ai.djl.pytorch.graph_optimizer"));
      System.setProperty(threads, "2");
      TorchEngine.load(1);
      assertEquals("2", System.getProperty(threads));
    } finally {
      System.setProperty(threads, before.orElse("1"));
    }
    assertTrue(TorchEngine.isInstalled());
  }
}
