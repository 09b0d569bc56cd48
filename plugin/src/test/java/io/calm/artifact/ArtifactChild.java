package io.calm.artifact;

import io.calm.model.QuantizedModel;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A process that makes or finds the artifact of {@link ExampleModel}: waits for a line, then prints
 * one for each block it writes, and at the end how it came by the artifact and its digest.
 */
final class ArtifactChild {
  static final int LAYERS = 12;

  /** A pause of a process that waits for a second line before the first block. */
  static final String HELD = "held";

  private ArtifactChild() {}

  static QuantizedModel model() {
    return ExampleModel.create(8, LAYERS, ExampleModel.int8(8), ExampleModel.float32(8));
  }

  /** Takes the cache directory and a pause after each block: milliseconds, or {@link #HELD}. */
  public static void main(String[] args) throws IOException {
    ArtifactStore store = new ArtifactStore(Path.of(args[0]));
    boolean held = args[1].equals(HELD);
    long pause = held ? 0 : Long.parseLong(args[1]);
    System.out.println("ready");
    awaitLine();
    ArtifactStore.Claim claim = ExampleModel.claim(store, ExampleModel.spec(LAYERS));
    if (claim instanceof ArtifactStore.Granted granted) {
      try (ArtifactWriter writer = granted.writer()) {
        System.out.println("begun");
        if (held) {
          awaitLine();
        }
        Artifact artifact = ExampleModel.write(writer, model(), () -> wrote(pause));
        System.out.println("wrote " + digest(artifact));
      }
    } else if (claim instanceof ArtifactStore.Ready ready) {
      System.out.println("found " + digest(ready.artifact()));
    }
  }

  private static void awaitLine() throws IOException {
    if (System.in.read() < 0) {
      throw new IOException("the parent is gone");
    }
  }

  private static void wrote(long pause) {
    System.out.println("block");
    try {
      Thread.sleep(pause);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  static String digest(Artifact artifact) throws IOException {
    return Sha256.of(artifact.directory().resolve(Manifest.BLOCKS))
        + Sha256.of(artifact.directory().resolve(Manifest.TABLES));
  }
}
