package io.calm.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.EngineException;
import io.calm.model.ActivationMode;
import io.calm.model.QuantizedModel;
import io.calm.runtime.KvType;
import io.calm.runtime.RandomModels;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Failures of the engine while a program is loaded, as DJL reports them. */
class TorchProgramTest {
  private static final TorchProgram.Source SOURCE =
      new TorchProgram.Source(TorchDecoder.class, "decoder.py", "Decoder");

  private final List<String> calls = new ArrayList<>();

  private Model failing(Exception failure) {
    return (Model)
        Proxy.newProxyInstance(
            Model.class.getClassLoader(),
            new Class<?>[] {Model.class},
            (proxy, method, arguments) -> {
              calls.add(method.getName());
              if (method.getName().equals("load")) {
                throw failure;
              }
              return null;
            });
  }

  @Test
  void aFullDeviceIsTheEnginesOwnFailure() {
    EngineException full = new EngineException("CUDA error: out of memory\nat a native frame");
    assertSame(
        full, assertThrows(EngineException.class, () -> TorchProgram.load(failing(full), SOURCE)));
    assertEquals(List.of("load", "close"), calls);
    assertTrue(EngineFailures.isOutOfMemory(full));
    assertEquals("CUDA error: out of memory", EngineFailures.reason(full));
  }

  @Test
  void aProgramThatTheEngineDoesNotReadIsRefused() {
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class,
            () -> TorchProgram.load(failing(new MalformedModelException("no archive")), SOURCE));
    assertEquals("the PyTorch engine refused decoder.py", e.getMessage());
    assertInstanceOf(MalformedModelException.class, e.getCause());
    assertEquals(List.of("load", "close"), calls);
  }

  @Test
  @Tag("gpu")
  void aClosedDecoderReturnsTheMemoryOfItsDevice() {
    assumeTrue(CudaDevice.usable(1), "no CUDA device that the PyTorch engine can use");
    QuantizedModel model =
        RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(1));
    new TorchDecoder(model, KvType.FLOAT16, 1, 1).close(); // with the context, which stays
    long before = CudaDevice.freeBytes().orElseThrow();
    TorchDecoder decoder = new TorchDecoder(model, KvType.FLOAT16, 1, 4096);
    decoder.grow(4096);
    assertTrue(CudaDevice.freeBytes().orElseThrow() < before);
    decoder.close();
    assertTrue(CudaDevice.freeBytes().orElseThrow() >= before);
  }
}
