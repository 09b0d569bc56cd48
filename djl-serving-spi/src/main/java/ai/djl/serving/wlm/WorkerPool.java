package ai.djl.serving.wlm;

/** The workers of a model. */
public class WorkerPool<I, O> {

  /** Returns the maximum number of workers; 0 until the model is loaded. */
  public native int getMaxWorkers();

  /** Returns whether there are as many workers as the minimum. */
  public native boolean isFullyScaled();

  /** Returns whether no worker runs, also if none has started yet. */
  public native boolean isAllWorkerDied();
}
