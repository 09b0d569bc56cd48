package ai.djl.serving.workflow;

import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.serving.wlm.WorkerPoolConfig;
import java.util.Collection;

/** A workflow: one model, or several in sequence. */
public class Workflow {

  /** Returns its models. */
  public native Collection<WorkerPoolConfig<Input, Output>> getWpcs();
}
