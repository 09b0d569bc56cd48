package ai.djl.serving.workflow;

import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.serving.wlm.WorkerPoolConfig;
import java.util.Collection;

/** One model, or several in a row. */
public class Workflow {

  /** Returns its models. */
  public native Collection<WorkerPoolConfig<Input, Output>> getWpcs();
}
