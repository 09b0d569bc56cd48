package io.calm.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.slf4j.Logger;

/**
 * The native library after the class loader that loaded it is gone: its SIGBUS handler and its
 * threads are still there, so its code must be.
 */
class LoadedLibraryTest {
  private static final int ROUNDS = 40;
  private static final int MILLIS = 25;

  /** Returns how many copies of the library this process has mapped. */
  private static long copies() throws IOException {
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      return maps.filter(line -> line.contains("/libcalm.so") && line.contains(" r-xp ")).count();
    }
  }

  /** Loads the library in a class loader of its own, which nothing refers to afterwards. */
  private static WeakReference<ClassLoader> load() throws Exception {
    URL[] classes = {
      KernelVariants.class.getProtectionDomain().getCodeSource().getLocation(),
      Logger.class.getProtectionDomain().getCodeSource().getLocation(),
    };
    try (URLClassLoader loader =
        new URLClassLoader(classes, ClassLoader.getPlatformClassLoader())) {
      Class<?> variants = loader.loadClass(KernelVariants.class.getName());
      variants.getMethod("ofThisMachine").invoke(null);
      return new WeakReference<>(loader);
    }
  }

  @Test
  void theLibraryStaysWhenItsClassLoaderGoes() throws Exception {
    KernelVariants here = KernelVariants.ofThisMachine();
    assumeTrue(here.problem().isEmpty(), () -> "skipped: " + here.problem().orElseThrow());
    long before = copies();
    WeakReference<ClassLoader> loader = load();
    assertEquals(before + 1, copies());
    for (int round = 0; round < ROUNDS && loader.get() != null; round++) {
      System.gc();
      Thread.sleep(MILLIS);
    }
    assertNull(loader.get());
    for (int round = 0; round < ROUNDS && copies() > before; round++) {
      Thread.sleep(MILLIS); // unloading, if it happens, follows in another thread
    }
    assertEquals(before + 1, copies());
  }
}
