package io.calm.torch;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.engine.StandardCapabilities;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.util.cuda.CudaUtils;
import io.calm.files.DjlCache;
import io.calm.runtime.KvMemoryException;
import java.lang.management.MemoryUsage;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Finds out whether DJL's PyTorch engine can use a CUDA device of this machine. */
final class CudaDevice {
  private static final Logger logger = LoggerFactory.getLogger(CudaDevice.class);

  /** Found once: a machine does not get a device while the process runs. */
  private static Optional<Boolean> answer = Optional.empty();

  private CudaDevice() {}

  /**
   * Returns whether there is a device. Loads the engine only if CUDA's runtime sees one and the
   * engine's library is installed: this method starts no download.
   *
   * @param threads as for {@link TorchEngine#load}
   */
  static synchronized boolean usable(int threads) {
    if (answer.isEmpty()) {
      answer = Optional.of(find(threads));
    }
    return answer.get();
  }

  /** Returns the free memory of the first device in bytes; empty if it is not known. */
  static OptionalLong freeBytes() {
    try {
      MemoryUsage memory = CudaUtils.getGpuMemory(Device.gpu());
      return OptionalLong.of(memory.getMax() - memory.getUsed());
    } catch (RuntimeException | LinkageError e) {
      logger.warn("the free memory of the CUDA device is not known: {}", e.toString());
      return OptionalLong.empty();
    }
  }

  /**
   * Returns the memory that the engine has cached but does not use to the device, so that {@link
   * #freeBytes} and other processes see it as free.
   */
  static void freeCache() {
    try {
      JniUtils.emptyCudaCache();
    } catch (RuntimeException | LinkageError e) {
      logger.warn("the engine's cached memory of the CUDA device is not freed: {}", e.toString());
    }
  }

  /** Returns whether a loaded engine has a CUDA device and was built for CUDA. */
  static boolean usable(Engine engine) {
    return engine.getGpuCount() > 0 && engine.hasCapability(StandardCapabilities.CUDA);
  }

  /**
   * Opens something on the device, or on the CPU if the device fails, e.g. because it is full.
   *
   * @param user what is opened, for the log
   */
  static <T> T orOnTheCpu(String user, Supplier<T> device, Supplier<T> cpu) {
    try {
      return device.get();
    } catch (KvMemoryException | EngineException e) {
      logger.warn(
          "{}: the CUDA device cannot be used ({}); falling back to the CPU",
          user,
          EngineFailures.reason(e));
      return cpu.get();
    }
  }

  private static boolean find(int threads) {
    try {
      if (CudaUtils.getGpuCount() == 0) {
        if (TorchEngine.isForCuda()) {
          TorchEngine.warnNoDevice();
        }
        return false;
      }
      if (!TorchEngine.isInstalled()) {
        logger.info(
            "a CUDA device is present, but no PyTorch library: neither PYTORCH_LIBRARY_PATH nor a pytorch-native jar on the class path");
        return false;
      }
      DjlCache.check();
      boolean usable = usable(TorchEngine.load(threads));
      if (!usable) {
        logger.info("a CUDA device is present, but the PyTorch engine was built for the CPU");
      }
      return usable;
    } catch (RuntimeException | LinkageError e) {
      logger.info("no CUDA device is used: {}", e.toString());
      return false;
    }
  }
}
