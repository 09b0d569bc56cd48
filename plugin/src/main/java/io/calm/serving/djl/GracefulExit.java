package io.calm.serving.djl;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets requests under way end when the process is told to stop. SIGTERM or SIGINT begins the JVM's
 * orderly shutdown, which waits for the drain; a second one ends the process at once. {@code
 * System.exit} drains too.
 */
public final class GracefulExit {
  private static final Logger logger = LoggerFactory.getLogger(GracefulExit.class);

  private GracefulExit() {}

  /** What is done before the process ends; bounds its own time. */
  @FunctionalInterface
  public interface Drain {
    void run() throws InterruptedException;
  }

  /** Has {@code drain} run when the process stops; call it once. */
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
      logger.error("the server did not stop in good order", e);
    }
  }

  /**
   * Takes a signal. {@code sun.misc.Signal} is in {@code jdk.unsupported} and warns wherever it is
   * compiled in; where it is missing, or the JVM does not let go of the signal (-Xrs), the JVM's
   * own handler begins the shutdown and only the second signal has no effect.
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
      logger.debug("SIG{} stays with the JVM: {}", name, String.valueOf(reason));
    }
  }

  private static void stop(int number, AtomicBoolean stopping) {
    if (stopping.compareAndSet(false, true)) {
      logger.info("stopping: requests under way may end; a second signal ends them");
      new Thread(() -> System.exit(128 + number), "calm-signal").start();
    } else {
      Runtime.getRuntime().halt(128 + number);
    }
  }
}
