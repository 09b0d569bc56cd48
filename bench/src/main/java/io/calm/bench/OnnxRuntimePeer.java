package io.calm.bench;

import io.calm.bench.KernelShape.Linear;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * ONNX Runtime, loaded from its jar and called by reflection. It is an optional peer and no
 * dependency.
 */
public final class OnnxRuntimePeer implements AutoCloseable {
  private static final String PACKAGE = "ai.onnxruntime.";

  private final URLClassLoader loader;
  private final Object environment;
  private final int threads;

  private OnnxRuntimePeer(URLClassLoader loader, Object environment, int threads) {
    this.loader = loader;
    this.environment = environment;
    this.threads = threads;
  }

  /**
   * Loads the library.
   *
   * @param jar of com.microsoft.onnxruntime:onnxruntime
   * @throws IOException if it is another file
   */
  public static OnnxRuntimePeer open(Path jar, int threads) throws IOException {
    URLClassLoader loader =
        new URLClassLoader(new URL[] {jar.toUri().toURL()}, OnnxRuntimePeer.class.getClassLoader());
    try {
      Object environment =
          loader.loadClass(PACKAGE + "OrtEnvironment").getMethod("getEnvironment").invoke(null);
      return new OnnxRuntimePeer(loader, environment, threads);
    } catch (ReflectiveOperationException | LinkageError e) {
      loader.close();
      throw failure("%s: expected ONNX Runtime's jar with this system's library".formatted(jar), e);
    }
  }

  private static IOException failure(String what, Throwable cause) {
    Throwable reason =
        cause instanceof InvocationTargetException && cause.getCause() != null
            ? cause.getCause()
            : cause;
    return new IOException(what + ", got: " + reason, cause);
  }

  /** Creates {@code copies} products of one shape, each with its own weights. */
  public Products products(Linear linear, int copies, int rows) throws IOException {
    Path file = TemporaryFile.create("calm-bench-", ".onnx");
    try {
      OnnxProducts.write(file, linear, copies, rows);
      return new Products(file, linear, copies, rows);
    } catch (ReflectiveOperationException e) {
      throw failure("ONNX Runtime: expected to load a model of MatMulNBits", e);
    } finally {
      Files.delete(file);
    }
  }

  @Override
  public void close() throws IOException {
    loader.close();
  }

  /** A session whose run multiplies one input with every copy. */
  public final class Products implements AutoCloseable {
    private final AutoCloseable session;
    private final AutoCloseable input;
    private final int copies;

    private Products(Path file, Linear linear, int copies, int rows)
        throws ReflectiveOperationException {
      this.copies = copies;
      Class<?> optionsType = loader.loadClass(PACKAGE + "OrtSession$SessionOptions");
      Object options = optionsType.getConstructor().newInstance();
      optionsType.getMethod("setIntraOpNumThreads", int.class).invoke(options, threads);
      optionsType.getMethod("setInterOpNumThreads", int.class).invoke(options, 1);
      session =
          (AutoCloseable)
              environment
                  .getClass()
                  .getMethod("createSession", String.class, optionsType)
                  .invoke(environment, file.toString(), options);
      float[] values = new float[rows * linear.inputs()];
      SplittableRandom random = new SplittableRandom(7);
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextDouble() - 0.5f;
      }
      input =
          (AutoCloseable)
              loader
                  .loadClass(PACKAGE + "OnnxTensor")
                  .getMethod(
                      "createTensor", environment.getClass(), FloatBuffer.class, long[].class)
                  .invoke(
                      null,
                      environment,
                      FloatBuffer.wrap(values),
                      new long[] {rows, linear.inputs()});
    }

    /** Returns the seconds of one product, the best of {@code passes} over all copies. */
    public double seconds(int passes) throws IOException {
      double best = Double.POSITIVE_INFINITY;
      for (int pass = 0; pass < passes; pass++) {
        long start = System.nanoTime();
        try {
          AutoCloseable result =
              (AutoCloseable)
                  session
                      .getClass()
                      .getMethod("run", Map.class)
                      .invoke(session, Map.of(OnnxProducts.INPUT, input));
          best = Math.min(best, (System.nanoTime() - start) / 1e9);
          close(result);
        } catch (ReflectiveOperationException e) {
          throw failure("ONNX Runtime: expected products", e);
        }
      }
      return best / copies;
    }

    @Override
    public void close() throws IOException {
      close(session);
      close(input);
    }

    private static void close(AutoCloseable resource) throws IOException {
      try {
        resource.close();
      } catch (IOException e) {
        throw e;
      } catch (Exception e) {
        throw new IOException("ONNX Runtime: " + e.getMessage(), e);
      }
    }
  }
}
