package io.calm.replay;

/** The arrays that an engine holds, for tests that nothing of a search stays open. */
public final class EngineArrays {
  private EngineArrays() {}

  /** Returns the number of open arrays. */
  public static int open(TorchRuntime torch) {
    return torch.manager().getManagedArrays().size();
  }
}
