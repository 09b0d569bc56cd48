package io.calm.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import io.netty.util.ResourceLeakDetector;
import io.netty.util.ResourceLeakDetectorFactory;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.platform.launcher.LauncherSession;
import org.junit.platform.launcher.LauncherSessionListener;

/**
 * Has Netty track every buffer of every test, and keeps what it says of those that nobody released.
 */
public final class NettyLeaks implements LauncherSessionListener {
  private static final Queue<String> REPORTS = new ConcurrentLinkedQueue<>();

  @Override
  public void launcherSessionOpened(LauncherSession session) {
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.PARANOID);
    ResourceLeakDetectorFactory.setResourceLeakDetectorFactory(
        new ResourceLeakDetectorFactory() {
          @Override
          @SuppressWarnings("deprecation")
          public <T> ResourceLeakDetector<T> newResourceLeakDetector(
              Class<T> resource, int samplingInterval, long maxActive) {
            return new Detector<>(resource);
          }
        });
  }

  private static final class Detector<T> extends ResourceLeakDetector<T> {
    Detector(Class<T> resource) {
      super(resource, 1);
    }

    @Override
    protected boolean needReport() {
      return true;
    }

    @Override
    protected void reportTracedLeak(String resourceType, String records) {
      REPORTS.add(resourceType + records);
    }

    @Override
    protected void reportUntracedLeak(String resourceType) {
      REPORTS.add(resourceType);
    }
  }

  /** Fails a test class that leaks a buffer. */
  public static final class Check implements AfterAllCallback {
    @Override
    public void afterAll(ExtensionContext context) throws InterruptedException {
      assertEquals(List.of(), reports());
    }
  }

  /**
   * Returns what was leaked since the last call. Collects garbage, and buffers are allocated after
   * it, for that is when Netty looks.
   */
  private static List<String> reports() throws InterruptedException {
    for (int i = 0; i < 3; i++) {
      System.gc();
      Thread.sleep(50);
      PooledByteBufAllocator.DEFAULT.buffer(16).release();
      Unpooled.directBuffer(16).release();
    }
    return Stream.generate(REPORTS::poll).takeWhile(Objects::nonNull).toList();
  }
}
