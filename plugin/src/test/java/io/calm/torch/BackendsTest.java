package io.calm.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import ai.djl.engine.EngineException;
import io.calm.model.ActivationMode;
import io.calm.model.QuantizedModel;
import io.calm.runtime.Backend;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.runtime.JavaDecoder;
import io.calm.runtime.KvMemoryException;
import io.calm.runtime.KvType;
import io.calm.runtime.RandomModels;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
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
  void aModelThatTheDeviceCannotHoldRunsOnTheCpu() {
    try (JavaDecoder cpu = new JavaDecoder(MODEL, KvType.FLOAT16, 1, 1);
        JavaDecoder device = new JavaDecoder(MODEL, KvType.FLOAT16, 1, 1)) {
      assertSame(device, Backends.orOnTheCpu(() -> device, () -> cpu));
      assertFalse(Backends.isTorch(cpu));
      List<RuntimeException> full =
          List.of(
              new EngineException("CUDA out of memory"),
              new KvMemoryException("no block", Set.of(0), new EngineException("out of memory")));
      for (RuntimeException failure : full) {
        assertSame(cpu, Backends.orOnTheCpu(() -> thrown(failure), () -> cpu));
      }
      IllegalArgumentException other = new IllegalArgumentException("a shape does not fit");
      assertThrows(
          IllegalArgumentException.class,
          () -> Backends.orOnTheCpu(() -> thrown(other), () -> cpu));
    }
  }

  private static Decoder thrown(RuntimeException failure) {
    throw failure;
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
