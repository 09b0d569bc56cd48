package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.JavaProcess;
import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The lock between threads, processes, and copies of the plugin in one process. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KeyLockTest {
  private final Path file;

  KeyLockTest(@TempDir Path directory) {
    file = directory.resolve("key.lock");
  }

  /** Tries the lock of a file in another process or in another class loader. */
  public static final class Other {
    private Other() {}

    public static void main(String[] args) throws Exception {
      System.out.println(isFree(args[0]));
    }

    public static boolean isFree(String file) throws Exception {
      Optional<KeyLock> lock = KeyLock.tryAcquire(Path.of(file));
      lock.ifPresent(KeyLock::close);
      return lock.isPresent();
    }
  }

  private boolean isFreeForAnotherProcess() throws Exception {
    JavaProcess.Result result =
        JavaProcess.of(Other.class, file.toString()).flags("-XX:TieredStopAtLevel=1").run();
    assertEquals(0, result.status(), result::toString);
    return Boolean.parseBoolean(result.output().strip());
  }

  private static URLClassLoader secondCopy() {
    URL[] classPath =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .map(KeyLockTest::url)
            .toArray(URL[]::new);
    return new URLClassLoader(classPath, ClassLoader.getPlatformClassLoader());
  }

  private static URL url(String path) {
    try {
      return Path.of(path).toUri().toURL();
    } catch (MalformedURLException e) {
      throw new IllegalArgumentException(path, e);
    }
  }

  private boolean isFreeFor(ClassLoader copy) throws Exception {
    return (boolean)
        copy.loadClass(Other.class.getName())
            .getMethod("isFree", String.class)
            .invoke(null, file.toString());
  }

  @Test
  void anInterruptedThreadGetsNoLock() throws Exception {
    Thread.currentThread().interrupt();
    try {
      assertThrows(ClosedByInterruptException.class, () -> KeyLock.tryAcquire(file));
    } finally {
      assertTrue(Thread.interrupted());
    }
    assertTrue(isFreeForAnotherProcess());
    KeyLock.tryAcquire(file).orElseThrow().close();
  }

  @Test
  void anotherProcessWaitsUntilTheLockIsClosed() throws Exception {
    KeyLock held = KeyLock.acquire(file).orElseThrow();
    try {
      assertFalse(KeyLock.tryAcquire(file).isPresent());
      assertFalse(isFreeForAnotherProcess());
    } finally {
      held.close();
    }
    assertTrue(isFreeForAnotherProcess());
  }

  /** Closing a second channel of the file would release the lock of the whole process. */
  @Test
  void aSecondCopyOfThePluginDoesNotReleaseTheLock() throws Exception {
    KeyLock held = KeyLock.acquire(file).orElseThrow();
    try (URLClassLoader copy = secondCopy()) {
      assertFalse(isFreeFor(copy));
      assertFalse(isFreeFor(copy));
      assertFalse(isFreeForAnotherProcess());
      held.close();
      assertTrue(isFreeFor(copy));
      assertTrue(isFreeForAnotherProcess());
      assertTrue(Other.isFree(file.toString()));
    } finally {
      held.close();
    }
  }

  @Test
  void aWaitIsReportedAndEndedByItsListener() throws Exception {
    KeyLock held = KeyLock.acquire(file).orElseThrow();
    try {
      assertFalse(KeyLock.acquire(file).isPresent());
      AtomicInteger reports = new AtomicInteger();
      assertThrows(
          CancellationException.class,
          () ->
              KeyLock.awaitFree(
                  file,
                  () -> {
                    if (reports.incrementAndGet() == 2) {
                      throw new CancellationException();
                    }
                  }));
      assertEquals(2, reports.get());
    } finally {
      held.close();
    }
    KeyLock.awaitFree(file, () -> {});
    KeyLock.acquire(file).orElseThrow().close();
  }
}
