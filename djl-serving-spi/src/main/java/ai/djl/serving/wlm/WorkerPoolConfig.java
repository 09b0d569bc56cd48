package ai.djl.serving.wlm;

/** The model or workflow part that one pool of workers serves. */
public abstract class WorkerPoolConfig<I, O> {

  /** Returns the name in URLs. */
  public native String getId();

  /** Returns the version, or null. */
  public native String getVersion();

  /** Returns the URL of the model. */
  public native String getModelUrl();

  /** Returns the batch size of the registration, or -1. */
  public native int getBatchSize();

  /** Sets the batch size. */
  public native void setBatchSize(int batchSize);

  /** Sets both, lower and upper number of workers. */
  public native void setMinMaxWorkers(int minWorkers, int maxWorkers);
}
