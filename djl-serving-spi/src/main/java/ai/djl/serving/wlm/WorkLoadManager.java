package ai.djl.serving.wlm;

/** The pools of workers, one per model. */
public class WorkLoadManager {

  /** Returns the pool of a model, or null. */
  public native <I, O> WorkerPool<I, O> getWorkerPool(WorkerPoolConfig<I, O> wpc);
}
