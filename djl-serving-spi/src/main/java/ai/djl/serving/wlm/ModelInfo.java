package ai.djl.serving.wlm;

import java.nio.file.Path;
import java.util.Properties;

/** A registered model. */
public final class ModelInfo<I, O> extends WorkerPoolConfig<I, O> {

  /** Returns the properties of {@code serving.properties} and the environment; live. */
  public native Properties getProperties();

  /** Returns the engine that the registration named or that was inferred, or null. */
  public native String getEngineName();

  /** Returns the directory of the model's URL. */
  public native Path getModelDir();
}
