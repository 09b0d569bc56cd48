package io.calm.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Another process that keeps one processor busy on request. It ends with this process, because it
 * reads its requests from a pipe. Not thread safe.
 */
final class BusyProcess implements AutoCloseable {

  private final Process process;
  private final PrintWriter requests;
  private final BufferedReader answers;

  private BusyProcess(Process process) {
    this.process = process;
    this.requests = new PrintWriter(process.outputWriter(StandardCharsets.US_ASCII), true);
    this.answers = process.inputReader(StandardCharsets.US_ASCII);
  }

  /** Starts the process, which sleeps until {@link #spin}. */
  static BusyProcess start() throws IOException {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    return new BusyProcess(
        new ProcessBuilder(
                java,
                "-Xmx16m",
                "-XX:+UseSerialGC",
                "-cp",
                ownClasses().toString(),
                Main.class.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start());
  }

  /** Returns the jar or directory of this class; the program needs no other. */
  private static Path ownClasses() throws IOException {
    try {
      return Path.of(BusyProcess.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    } catch (URISyntaxException e) {
      throw new IOException("busy process: the place of this class is no path", e);
    }
  }

  /** Keeps one processor busy until {@link #sleep}. */
  void spin() throws IOException {
    ask(Main.SPIN);
  }

  /** Returns when the process no longer takes time. */
  void sleep() throws IOException {
    ask(Main.SLEEP);
  }

  private void ask(String request) throws IOException {
    requests.println(request);
    String answer = answers.readLine();
    if (!request.equals(answer)) {
      throw new IOException(
          "busy process: expected the answer %s, got %s; its messages are above"
              .formatted(request, answer));
    }
  }

  boolean isAlive() {
    return process.isAlive();
  }

  /** Returns the processor time of the process. */
  long cpuNanos() {
    return process.info().totalCpuDuration().map(Duration::toNanos).orElse(0L);
  }

  @Override
  public void close() {
    requests.close();
    ChildProcess.end(process);
  }

  /** The program of the process. */
  static final class Main {
    static final String SPIN = "spin";
    static final String SLEEP = "sleep";

    private static volatile boolean spinning;

    private Main() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
      BufferedReader requests =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
      Thread spinner = new Thread(() -> {});
      for (String request; (request = requests.readLine()) != null; ) {
        spinning = request.equals(SPIN);
        spinner.join();
        if (spinning) {
          spinner = new Thread(Main::turn);
          spinner.start();
        }
        System.out.println(request);
      }
      spinning = false;
    }

    private static void turn() {
      while (spinning) {
        // takes the processor's time and no memory
      }
    }
  }
}
