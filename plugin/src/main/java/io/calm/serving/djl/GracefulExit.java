package io.calm.serving.djl;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finishes requests in flight when the process is told to stop. SIGTERM or SIGINT begins the JVM's
 * orderly shutdown, which waits for the drain; a second signal ends the process immediately. {@code
 * System.exit} drains too.
 */
public final class GracefulExit {
  private static final Logger logger = LoggerFactory.getLogger(GracefulExit.class);

  private GracefulExit() {}

  /** The work to finish before the process ends. It must limit its own time. */
  @FunctionalInterface
  public interface Drain {
    void run() throws InterruptedException;
  }

  /** Runs {@code drain} when the process stops. To be called once. */
  public static void install(Drain drain) {
    Runtime.getRuntime().addShutdownHook(new Thread(() -> run(drain), "calm-shutdown"));
    AtomicBoolean stopping = new AtomicBoolean();
    handle("TERM", 15, stopping);
    handle("INT", 2, stopping);
  }

  private static void run(Drain drain) {
    try {
      drain.run();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      logger.error("the server did not stop cleanly", e);
    }
  }

  /**
   * Handles a signal. {@code sun.misc.Signal} belongs to {@code jdk.unsupported}, and compiling
   * against it gives a warning, so it is called by reflection. If it is missing, or the JVM
   * reserves the signal (-Xrs), the JVM's own handler begins the shutdown and only the second
   * signal has no effect.
   */
  private static void handle(String name, int number, AtomicBoolean stopping) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object ours =
          Proxy.newProxyInstance(
              GracefulExit.class.getClassLoader(),
              new Class<?>[] {handler},
              (proxy, method, arguments) -> {
                if (method.getName().equals("handle")) {
                  stop(number, stopping);
                  return null;
                }
                return method.getName().equals("hashCode")
                    ? System.identityHashCode(proxy)
                    : method.getName().equals("equals") ? proxy == arguments[0] : "calm-signal";
              });
      signal
          .getMethod("handle", signal, handler)
          .invoke(null, signal.getConstructor(String.class).newInstance(name), ours);
    } catch (ReflectiveOperationException e) {
      Throwable reason = e instanceof InvocationTargetException ? e.getCause() : e;
      logger.debug("SIG{}: the JVM keeps its own handler: {}", name, String.valueOf(reason));
    }
  }

  private static void stop(int number, AtomicBoolean stopping) {
    if (stopping.compareAndSet(false, true)) {
      logger.info("stopping after the requests in flight; a second signal stops at once");
      new Thread(() -> System.exit(128 + number), "calm-signal").start();
    } else {
      Runtime.getRuntime().halt(128 + number);
    }
  }
}
