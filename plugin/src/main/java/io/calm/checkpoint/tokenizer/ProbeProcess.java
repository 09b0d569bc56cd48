package io.calm.checkpoint.tokenizer;

import static java.nio.file.StandardOpenOption.WRITE;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import ai.djl.util.Platform;
import com.google.gson.Gson;
import io.calm.text.Printable;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A child process that runs {@link ProbeMain}: same Java, same class path, little memory. */
final class ProbeProcess {
  private static final Logger logger = LoggerFactory.getLogger(ProbeProcess.class);
  private static final long BASE_BYTES = 768L << 20;
  private static final int MEMORY_FACTOR = 64;
  private static final int OUTPUT_BYTES = 4096;
  private static final int POLL_MILLIS = 10;

  /** On a loaded machine the child may take so many times longer than it works. */
  private static final int PATIENCE = 4;

  private static final Set<String> ENVIRONMENT =
      Set.of(
          "PATH",
          "HOME",
          "LD_LIBRARY_PATH",
          "TMPDIR",
          "TMP",
          "TEMP",
          "SystemRoot",
          "LANG",
          "LC_ALL",
          "DJL_CACHE_DIR",
          "ENGINE_CACHE_DIR");

  private static final List<Class<?>> CLASSES =
      List.of(
          ProbeMain.class,
          TokenizersLibrary.class,
          Platform.class,
          Gson.class,
          LoggerFactory.class);

  /**
   * How a probe ended.
   *
   * @param survived whether the process exited without a crash
   * @param description what it did, e.g. "was stopped after 30 s"
   */
  record Outcome(boolean survived, String description) {}

  private final Process process;
  private final long maxBytes;
  private final ByteArrayOutputStream output = new ByteArrayOutputStream();

  private ProbeProcess(Process process, long maxBytes) {
    this.process = process;
    this.maxBytes = maxBytes;
  }

  /** Runs a probe and waits until the process has ended. */
  static Outcome run(ProbeInput input, Duration limit) {
    Process process;
    try {
      process = builder(input, limit).start();
    } catch (IOException e) {
      return new Outcome(false, "could not be started: " + Printable.of(e.getMessage()));
    }
    try {
      preferAsVictim(process.pid());
      long maxBytes = BASE_BYTES + MEMORY_FACTOR * (long) input.json().length();
      return new ProbeProcess(process, maxBytes).await(input, limit);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Outcome(false, "was interrupted");
    } finally {
      process.destroyForcibly();
    }
  }

  /** Makes Linux kill the child, not the server, when memory runs out; elsewhere does nothing. */
  private static void preferAsVictim(long pid) {
    try {
      Files.writeString(Path.of("/proc/" + pid + "/oom_score_adj"), "1000", WRITE);
    } catch (IOException e) {
      logger.debug("process {} keeps its OOM score: {}", pid, e.toString());
    }
  }

  private static ProcessBuilder builder(ProbeInput input, Duration limit) throws IOException {
    List<String> command = new ArrayList<>();
    String suffix = File.separatorChar == '\\' ? ".exe" : "";
    command.add(Path.of(System.getProperty("java.home"), "bin", "java" + suffix).toString());
    long heap = 96 + 16 * ((long) input.json().length() >> 20);
    command.add("-Xmx" + heap + "m");
    command.add("-Xss1m");
    command.add("-XX:+UseSerialGC");
    command.add("-XX:TieredStopAtLevel=1");
    command.add("-XX:-UsePerfData");
    command.add("-XX:-CreateCoredumpOnCrash");
    command.add("-XX:ErrorFile=" + (suffix.isEmpty() ? "/dev/null" : "NUL"));
    for (String name : System.getProperties().stringPropertyNames()) {
      if (isPassedOn(name)) {
        command.add("-D" + name + "=" + System.getProperty(name));
      }
    }
    command.add("-cp");
    command.add(String.join(File.pathSeparator, classPath(List.of())));
    command.add(ProbeMain.class.getName());
    command.add(Long.toString(limit.multipliedBy(PATIENCE).toMillis()));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.directory(Path.of(System.getProperty("java.io.tmpdir")).toFile());
    builder.environment().keySet().retainAll(ENVIRONMENT);
    return builder;
  }

  private static boolean isPassedOn(String name) {
    return name.equals("user.home")
        || name.equals("java.io.tmpdir")
        || name.equals("DJL_CACHE_DIR")
        || name.equals("ENGINE_CACHE_DIR")
        || name.startsWith("ai.djl.");
  }

  /** Returns the class path of the given classes and of those that every probe needs. */
  static Set<String> classPath(List<Class<?>> types) throws IOException {
    Set<String> places = new LinkedHashSet<>();
    for (Class<?> type : Stream.concat(types.stream(), CLASSES.stream()).toList()) {
      CodeSource source = type.getProtectionDomain().getCodeSource();
      if (source == null || !"file".equals(source.getLocation().getProtocol())) {
        throw new IOException("the class path is not known: " + type.getName() + " is in no file");
      }
      try {
        places.add(Path.of(source.getLocation().toURI()).toString());
      } catch (URISyntaxException e) {
        throw new IOException("the class path is not known: " + source.getLocation(), e);
      }
    }
    return places;
  }

  private Outcome await(ProbeInput input, Duration limit) throws InterruptedException {
    Thread reader = background("calm-probe-output", this::readOutput);
    background("calm-probe-input", () -> writeInput(input));
    long start = System.nanoTime();
    while (!process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
      Duration waited = Duration.ofNanos(System.nanoTime() - start);
      Duration worked = process.info().totalCpuDuration().orElse(waited);
      if (worked.compareTo(limit) > 0 || waited.compareTo(limit.multipliedBy(PATIENCE)) > 0) {
        return new Outcome(false, "was stopped after " + waited.toSeconds() + " s");
      }
      if (residentBytes().orElse(0L) > maxBytes) {
        return new Outcome(false, "was stopped at " + (maxBytes >> 20) + " MiB of memory");
      }
    }
    reader.join(TimeUnit.SECONDS.toMillis(1));
    return ended(process.exitValue());
  }

  private Outcome ended(int code) {
    if (code == 0 || code == ProbeMain.REFUSED) {
      return new Outcome(true, "ended");
    }
    String text;
    synchronized (output) {
      text = output.toString(StandardCharsets.UTF_8);
    }
    String reason =
        text.lines()
            .dropWhile(line -> !line.contains("panicked at") && !line.contains("Exception"))
            .limit(2)
            .reduce((a, b) -> a + " " + b)
            .orElse("");
    return new Outcome(
        false,
        "died with code " + code + (reason.isEmpty() ? "" : " (" + Printable.of(reason) + ")"));
  }

  private Optional<Long> residentBytes() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/" + process.pid() + "/status"))) {
        if (line.startsWith("VmRSS:")) {
          return Optional.of(Long.parseLong(line.replaceAll("\\D", "")) << 10);
        }
      }
    } catch (IOException | NumberFormatException e) {
      // It has just ended, or this is no Linux.
    }
    return Optional.empty();
  }

  private void readOutput() throws IOException {
    byte[] buffer = new byte[1024];
    try (InputStream in = process.getInputStream()) {
      int read;
      while ((read = in.read(buffer)) >= 0) {
        synchronized (output) {
          output.write(buffer, 0, Math.min(read, OUTPUT_BYTES - output.size()));
        }
      }
    }
  }

  /** Standard input stays open: its end tells the child that the server is gone. */
  private void writeInput(ProbeInput input) throws IOException {
    input.write(new DataOutputStream(new BufferedOutputStream(process.getOutputStream(), 1 << 16)));
  }

  private interface Task {
    void run() throws IOException;
  }

  private static Thread background(String name, Task task) {
    Thread thread =
        new Thread(
            () -> {
              try {
                task.run();
              } catch (IOException e) {
                // The child has ended; how is told by its exit code.
              }
            },
            name);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }
}
