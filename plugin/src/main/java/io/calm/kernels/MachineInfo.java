package io.calm.kernels;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The machine that computes, in words.
 *
 * @param processor name of the processor, as the operating system gives it
 * @param processors threads of the processor that the process may use
 * @param kernel kernel variant that computes, e.g. {@code avx512-vnni}
 * @param os name of the operating system
 * @param architecture name of the instruction set
 * @param memoryBytes memory of the machine; 0 if it is not known
 * @param jvm name and version of the Java virtual machine
 */
public record MachineInfo(
    String processor,
    int processors,
    String kernel,
    String os,
    String architecture,
    long memoryBytes,
    String jvm) {
  private static final Path PROCESSORS = Path.of("/proc/cpuinfo");
  private static final Path MEMORY = Path.of("/proc/meminfo");
  private static final Pattern MODEL = Pattern.compile("(?m)^model name\\s*:\\s*(.+)$");
  private static final Pattern TOTAL = Pattern.compile("(?m)^MemTotal:\\s*(\\d+) kB$");

  /** Describes this machine. */
  public static MachineInfo of(String kernel) {
    String architecture = System.getProperty("os.arch", "unknown");
    return new MachineInfo(
        first(PROCESSORS, MODEL).orElse(architecture).strip(),
        Runtime.getRuntime().availableProcessors(),
        kernel,
        System.getProperty("os.name", "unknown"),
        architecture,
        first(MEMORY, TOTAL).map(kib -> Long.parseLong(kib) << 10).orElse(0L),
        "%s %s"
            .formatted(
                System.getProperty("java.vm.name", "Java"),
                System.getProperty("java.vm.version", "unknown")));
  }

  /**
   * Returns whether figures of both machines are comparable. Their memory does not count: a kernel
   * update or a balloon driver changes its size by some pages.
   */
  public boolean isComparable(MachineInfo other) {
    return withoutMemory().equals(other.withoutMemory());
  }

  private MachineInfo withoutMemory() {
    return new MachineInfo(processor, processors, kernel, os, architecture, 0, jvm);
  }

  private static Optional<String> first(Path file, Pattern pattern) {
    try {
      if (!Files.isReadable(file)) {
        return Optional.empty();
      }
      Matcher matcher = pattern.matcher(Files.readString(file));
      return matcher.find() ? Optional.of(matcher.group(1)) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty(); // a description that is missing says so
    }
  }
}
