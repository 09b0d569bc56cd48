package io.calm.torch;

import ai.djl.engine.Engine;
import ai.djl.engine.StandardCapabilities;
import ai.djl.util.cuda.CudaUtils;
import io.calm.files.DjlCache;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Finds out whether DJL's PyTorch engine can use a CUDA device of this machine. */
final class CudaDevice {
  private static final Logger logger = LoggerFactory.getLogger(CudaDevice.class);

  /** Asked once: a machine does not get a device while the process runs. */
  private static final class Answer {
    static final boolean USABLE = find();
  }

  private CudaDevice() {}

  /** Returns whether there is a device. Loads the engine only if CUDA's runtime sees one. */
  static boolean usable() {
    return Answer.USABLE;
  }

  /** Returns whether a loaded engine has a CUDA device and was built for CUDA. */
  static boolean usable(Engine engine) {
    return engine.getGpuCount() > 0 && engine.hasCapability(StandardCapabilities.CUDA);
  }

  private static boolean find() {
    try {
      if (CudaUtils.getGpuCount() == 0) {
        return false;
      }
      DjlCache.check();
      boolean usable = usable(Engine.getEngine("PyTorch"));
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
