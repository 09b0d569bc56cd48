package io.calm.checkpoint.tokenizer;

import io.calm.testing.JavaProcess;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.File;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A process that opens one tokenizer after the other with the native library, until one ends it.
 */
final class FuzzChild implements AutoCloseable {
  private final Process process;
  private final DataOutputStream out;
  private final DataInputStream in;

  private FuzzChild(Process process) {
    this.process = process;
    this.out = new DataOutputStream(new BufferedOutputStream(process.getOutputStream()));
    this.in = new DataInputStream(new BufferedInputStream(process.getInputStream()));
  }

  static FuzzChild start() throws IOException {
    return new FuzzChild(
        new ProcessBuilder(
                JavaProcess.java(),
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:-CreateCoredumpOnCrash",
                "-XX:ErrorFile=/dev/null",
                "-cp",
                String.join(File.pathSeparator, ProbeProcess.classPath(List.of(FuzzChild.class))),
                FuzzChild.class.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start());
  }

  /** Runs in the child: exit codes of {@link ProbeMain} go back, one byte for each input. */
  public static void main(String[] arguments) throws IOException {
    DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
    while (true) {
      try {
        System.out.write(ProbeMain.run(ProbeInput.read(in)));
        System.out.flush();
      } catch (EOFException e) {
        return;
      }
    }
  }

  /**
   * Tries a tokenizer.
   *
   * @return what the probe says; empty if the process died or took more than a minute
   */
  Optional<Integer> tries(ProbeInput input) {
    Thread watchdog =
        new Thread(
            () -> {
              try {
                TimeUnit.MINUTES.sleep(1);
                process.destroyForcibly();
              } catch (InterruptedException e) {
                // The answer is there.
              }
            });
    watchdog.setDaemon(true);
    watchdog.start();
    try {
      input.write(out);
      return Optional.of(in.readUnsignedByte());
    } catch (IOException e) {
      return Optional.empty();
    } finally {
      watchdog.interrupt();
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
