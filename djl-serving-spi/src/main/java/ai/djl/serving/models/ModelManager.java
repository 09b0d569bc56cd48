package ai.djl.serving.models;

import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.serving.wlm.WorkLoadManager;
import ai.djl.serving.workflow.Workflow;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** The registered models and workflows. */
public final class ModelManager {
  private ModelManager() {}

  /** Returns the one instance. */
  public static native ModelManager getInstance();

  /** Returns the pools of workers. */
  public native WorkLoadManager getWorkLoadManager();

  /** Returns the registered workflows by name. */
  public native Map<String, Endpoint> getEndpoints();

  /**
   * Returns a version, or null; without a version the first, or each in turn where {@code predict}.
   */
  public native Workflow getWorkflow(String workflowName, String version, boolean predict);

  /** Returns the only model that the server was started with. */
  public native Optional<String> getSingleStartupWorkflow();

  /**
   * Queues a job for the next free worker. The future fails with {@code WlmCapacityException} where
   * the queue is full or no worker runs, with {@code WlmException} if the model is not loaded or
   * may have no workers.
   */
  public native CompletableFuture<Output> runJob(Workflow workflow, Input input);
}
