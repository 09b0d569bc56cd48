package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.CheckpointException;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/**
 * The main class of the child process that tries a tokenizer before the server uses it. It exits
 * when it is done, when it times out, or when the server has exited.
 */
public final class ProbeMain {
  /** Exit code if the library rejects the tokenizer with an error, which is harmless. */
  static final int REFUSED = 3;

  private static final int ORPHANED = 4;
  private static final int LATE = 5;
  private static final int IDS_AT_ONCE = 32;

  private ProbeMain() {}

  /**
   * Runs the probe.
   *
   * @param arguments the timeout in milliseconds; the tokenizer is read from standard input
   */
  public static void main(String[] arguments) throws IOException {
    watch("deadline", () -> TimeUnit.MILLISECONDS.sleep(Long.parseLong(arguments[0])), LATE);
    InputStream input = System.in;
    ProbeInput probe =
        ProbeInput.read(new DataInputStream(new BufferedInputStream(input, 1 << 16)));
    watch("parent", () -> input.readNBytes(Integer.MAX_VALUE), ORPHANED);
    Runtime.getRuntime().halt(run(probe));
  }

  static int run(ProbeInput probe) {
    try (NativeTokenizer library = NativeTokenizer.create(probe.json(), "probe")) {
      for (String text : probe.texts()) {
        decode(library, encode(library, text));
      }
      for (int id = 0; id < probe.size(); id += IDS_AT_ONCE) {
        decode(library, IntStream.range(id, Math.min(id + IDS_AT_ONCE, probe.size())).toArray());
      }
      decode(library, new int[0]);
      return 0;
    } catch (CheckpointException e) {
      return REFUSED;
    }
  }

  /** Encodes with and without special tokens; an error of the library is harmless. */
  private static int[] encode(NativeTokenizer library, String text) {
    try {
      library.encode(text, true);
      return library.encode(text, false);
    } catch (RuntimeException e) {
      return new int[0];
    }
  }

  private static void decode(NativeTokenizer library, int[] ids) {
    try {
      library.decode(ids, true);
      library.decode(ids, false);
    } catch (RuntimeException e) {
      // an error of the library is harmless
    }
  }

  private interface Wait {
    void await() throws IOException, InterruptedException;
  }

  private static void watch(String name, Wait wait, int exitCode) {
    Thread thread =
        new Thread(
            () -> {
              try {
                wait.await();
              } catch (IOException | InterruptedException e) {
                // treated as the end of the wait
              }
              Runtime.getRuntime().halt(exitCode);
            },
            "calm-probe-" + name);
    thread.setDaemon(true);
    thread.start();
  }
}
