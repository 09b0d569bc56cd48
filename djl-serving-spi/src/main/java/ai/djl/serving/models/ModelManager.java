package ai.djl.serving.models;

import java.util.Map;
import java.util.Optional;

/** The registered models and workflows. */
public final class ModelManager {
  private ModelManager() {}

  /** Returns the one instance. */
  public static native ModelManager getInstance();

  /** Returns what is registered, by name. */
  public native Map<String, Endpoint> getEndpoints();

  /** Returns the only model that the server was started with. */
  public native Optional<String> getSingleStartupWorkflow();
}
