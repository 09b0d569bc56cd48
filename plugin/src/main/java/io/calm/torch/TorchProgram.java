package io.calm.torch;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.calm.files.DjlCache;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/**
 * A TorchScript program from the resources, loaded into DJL's PyTorch engine. It runs on the first
 * CUDA device if the engine has one, else on the CPU. Not thread safe.
 */
public final class TorchProgram implements AutoCloseable {
  private final Model model;
  private final NDManager manager;
  private final NDArray one;

  private TorchProgram(Model model) {
    this.model = model;
    this.manager = model.getNDManager();
    this.one = manager.create(1f);
  }

  /**
   * The text of a program.
   *
   * @param owner class beside which the resource is
   * @param resource name of the resource, which contains one class
   * @param name name of that class
   */
  public record Source(Class<?> owner, String resource, String name) {

    private byte[] archive() throws IOException {
      try (InputStream source = owner.getResourceAsStream(resource)) {
        if (source == null) {
          throw new IllegalStateException(
              "resource %s is missing from the jar".formatted(resource));
        }
        String code = new String(source.readAllBytes(), StandardCharsets.UTF_8);
        return TorchScriptArchive.write(name, code);
      }
    }
  }

  /**
   * Loads the engine and a program.
   *
   * @param threads threads of one operation; has no effect if the engine is loaded already
   * @param user what needs the engine and what to use instead, for the message of a failure
   * @throws EngineMissingException if the engine is not available; the message says what to install
   * @throws EngineException if the device has no memory for the program
   */
  public static TorchProgram open(Source source, int threads, User user) {
    Engine engine = engine(threads, user);
    return open(source, engine, CudaDevice.usable(engine) ? Device.gpu() : Device.cpu());
  }

  /**
   * Does the same, but takes the CPU if the CUDA device fails, e.g. because other processes hold
   * its memory.
   */
  public static TorchProgram openAnywhere(Source source, int threads, User user) {
    Engine engine = engine(threads, user);
    if (!CudaDevice.usable(engine)) {
      return open(source, engine, Device.cpu());
    }
    return CudaDevice.orOnTheCpu(
        user.name(),
        () -> open(source, engine, Device.gpu()),
        () -> open(source, engine, Device.cpu()));
  }

  private static TorchProgram open(Source source, Engine engine, Device device) {
    return load(engine.newModel("calm", device), source);
  }

  /** Loads a program into an empty model; closes the model if this fails. */
  static TorchProgram load(Model model, Source source) {
    boolean loaded = false;
    try {
      model.load(new ByteArrayInputStream(source.archive()));
      TorchProgram program = new TorchProgram(model);
      loaded = true;
      return program;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (MalformedModelException e) {
      throw new IllegalStateException("the PyTorch engine refused " + source.resource(), e);
    } finally {
      if (!loaded) {
        model.close();
      }
    }
  }

  /**
   * The part of this software that needs the engine.
   *
   * @param name e.g. {@code the search}
   * @param remedy alternative to installing the engine, in the imperative
   */
  public record User(String name, String remedy) {}

  private static Engine engine(int threads, User user) {
    DjlCache.check();
    try {
      return TorchEngine.load(threads);
    } catch (RuntimeException | LinkageError e) {
      throw new EngineMissingException(
          "%s needs the DJL PyTorch engine, which could not be loaded (%s); if the class path has no ai.djl.pytorch:pytorch-engine or no pytorch-native library, add it, or %s"
              .formatted(user.name(), DjlCache.reason(e), user.remedy()),
          e);
    }
  }

  /** Returns the manager that owns the program's arrays. */
  public NDManager manager() {
    return manager;
  }

  /** Returns whether the program runs on the CPU. */
  public boolean onCpu() {
    return !manager.getDevice().isGpu();
  }

  /**
   * Calls a method.
   *
   * @param arguments arrays; those named {@code x[]} form a list
   * @param owner manager of the results
   */
  public NDList call(String method, NDList arguments, NDManager owner) {
    try (NDArray selector = one.duplicate()) {
      selector.setName("module_method:" + method);
      NDList inputs = new NDList(arguments);
      inputs.add(selector);
      NDList result = model.getBlock().forward(new ParameterStore(manager, false), inputs, false);
      result.attach(owner);
      return result;
    }
  }

  /** Frees the arrays. A CUDA device gets back the memory that the engine has cached. */
  @Override
  public void close() {
    boolean onCpu = onCpu();
    one.close();
    model.close();
    if (!onCpu) {
      CudaDevice.freeCache();
    }
  }
}
