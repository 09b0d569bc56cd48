package io.calm.torch;

import ai.djl.engine.Engine;
import ai.djl.engine.StandardCapabilities;
import ai.djl.util.ClassLoaderUtils;
import ai.djl.util.Utils;
import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** DJL's PyTorch engine. It is loaded once in a process; its settings are those of that moment. */
final class TorchEngine {
  private static final Logger logger = LoggerFactory.getLogger(TorchEngine.class);
  private static final String THREADS = "ai.djl.pytorch.num_threads";
  private static final String OPTIMIZER = "ai.djl.pytorch.graph_optimizer";
  private static final String BUNDLED = "native/lib/pytorch.properties";
  private static final AtomicBoolean WARNED = new AtomicBoolean();

  private TorchEngine() {}

  /**
   * Loads the engine. System properties that the operator has set are kept.
   *
   * @param threads threads of one operation; has no effect if the engine is loaded already
   */
  static Engine load(int threads) {
    setDefault(THREADS, Integer.toString(threads));
    // Methods run on shapes that change: profiling for fusion costs more than it gives.
    setDefault(OPTIMIZER, "false");
    Engine engine = Engine.getEngine("PyTorch");
    if (engine.hasCapability(StandardCapabilities.CUDA) && engine.getGpuCount() == 0) {
      warnNoDevice();
    }
    return engine;
  }

  private static void setDefault(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  /** Returns whether the engine's native library is on this machine, so that no download starts. */
  static boolean isInstalled() {
    try {
      return setting("PYTORCH_LIBRARY_PATH").isPresent()
          || ClassLoaderUtils.getResources(BUNDLED).hasMoreElements();
    } catch (IOException e) {
      return false;
    }
  }

  /** Returns whether the operator asks for a libtorch that was built for CUDA. */
  static boolean isForCuda() {
    return setting("PYTORCH_FLAVOR").filter(flavor -> flavor.startsWith("cu")).isPresent();
  }

  /** Logs, once, why an engine that was built for CUDA runs on the CPU. */
  static void warnNoDevice() {
    if (WARNED.compareAndSet(false, true)) {
      logger.warn(
          "PyTorch was built for CUDA, but no device was found: DJL looks for devices with libcudart.so; put its directory on the loader's path (LD_LIBRARY_PATH)");
    }
  }

  private static Optional<String> setting(String name) {
    return Optional.ofNullable(Utils.getEnvOrSystemProperty(name)).filter(text -> !text.isEmpty());
  }
}
