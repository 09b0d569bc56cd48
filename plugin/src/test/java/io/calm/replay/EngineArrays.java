package io.calm.replay;

/** The arrays that an engine holds, for tests that nothing of a search stays open. */
public final class EngineArrays {
  private EngineArrays() {}

  /** Returns the number of open arrays. */
  public static int open(TorchRuntime torch) {
    return torch.manager().getManagedArrays().size();
  }

  /** Returns the bytes of all open arrays. */
  public static long bytes(TorchRuntime torch) {
    return torch.manager().getManagedArrays().stream()
        .mapToLong(array -> array.size() * array.getDataType().getNumOfBytes())
        .sum();
  }
}
