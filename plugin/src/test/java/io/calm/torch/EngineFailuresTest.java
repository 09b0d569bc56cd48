package io.calm.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.calm.replay.TorchRuntime;
import io.calm.runtime.KvMemoryException;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Failures of the engine: those of the CPU are its own, those of CUDA are its texts. */
class EngineFailuresTest {
  private static final TorchProgram.Source PROGRAM =
      new TorchProgram.Source(TorchRuntime.class, "calm.py", "Calm");
  private static final TorchProgram.User USER = new TorchProgram.User("the test", "none");

  /** The square is beyond the address space of a process. */
  private static final long ROWS = 1L << 23;

  @Test
  void aCpuWithoutMemoryIsRecognized() {
    EngineException e;
    try (NDManager manager = TorchEngine.load(1).newBaseManager(Device.cpu())) {
      e = assertThrows(EngineException.class, () -> manager.zeros(new Shape(ROWS, ROWS)));
    }
    requireCpuWithoutMemory(e);
  }

  @Test
  void soIsOneInAMethodOfAProgram() {
    try (TorchProgram program = TorchProgram.open(PROGRAM, 1, USER);
        NDArray x = program.manager().zeros(new Shape(ROWS, 1))) {
      assumeTrue(program.onCpu(), "the program is on a CUDA device");
      EngineException e =
          assertThrows(
              EngineException.class,
              () -> program.call("linear", new NDList(x, x), program.manager()));
      requireCpuWithoutMemory(e);
    }
  }

  private static void requireCpuWithoutMemory(EngineException e) {
    System.out.println("engine: " + e.getMessage());
    assertTrue(EngineFailures.isOutOfMemory(e), e.getMessage());
    assertFalse(EngineFailures.isOfCuda(e), e.getMessage());
    String reason = EngineFailures.reason(e);
    assertTrue(reason.contains("allocate memory"), reason);
    assertEquals(1, reason.lines().count());
  }

  @Test
  void whatTheDeviceCannotHoldIsOpenedOnTheCpu() {
    assertEquals("gpu", CudaDevice.orOnTheCpu("the test", () -> "gpu", () -> "cpu"));
    EngineException full = new EngineException("CUDA error: out of memory\nat a native frame");
    for (RuntimeException failure :
        List.of(full, new KvMemoryException("no block", Set.of(0), full))) {
      assertEquals("cpu", CudaDevice.orOnTheCpu("the test", throwing(failure), () -> "cpu"));
    }
    IllegalArgumentException other = new IllegalArgumentException("a shape does not fit");
    assertThrows(
        IllegalArgumentException.class,
        () -> CudaDevice.orOnTheCpu("the test", throwing(other), () -> "cpu"));
  }

  private static Supplier<String> throwing(RuntimeException failure) {
    return () -> {
      throw failure;
    };
  }
}
