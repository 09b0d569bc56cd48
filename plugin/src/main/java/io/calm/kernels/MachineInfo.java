package io.calm.kernels;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * The machine that a figure was measured on, in words.
 *
 * @param processor name of the processor
 * @param processors number of hardware threads that this process may use
 * @param kernel the best kernel variant that the machine runs, or {@code java}
 * @param os name and version of the operating system
 * @param architecture instruction set
 * @param memoryBytes physical memory, or the limit of the container; 0 if it is unknown
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

  /** Returns the machine of this process; the first call loads the native library. */
  public static MachineInfo ofThisMachine() {
    return Holder.MACHINE;
  }

  private static MachineInfo read() {
    return new MachineInfo(
        processorName(),
        Runtime.getRuntime().availableProcessors(),
        KernelVariants.ofThisMachine().best().map(KernelVariant::name).orElse("java"),
        property("os.name") + " " + property("os.version"),
        property("os.arch"),
        memory(),
        property("java.vm.name") + " " + Runtime.version());
  }

  private static String property(String name) {
    return System.getProperty(name, "unknown");
  }

  private static String processorName() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
      return lines
          .filter(line -> line.startsWith("model name") || line.startsWith("Model"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .filter(name -> !name.isEmpty())
          .findFirst()
          .orElseGet(() -> property("os.arch"));
    } catch (IOException | RuntimeException e) { // no Linux
      return property("os.arch");
    }
  }

  private static long memory() {
    return ManagementFactory.getOperatingSystemMXBean()
            instanceof com.sun.management.OperatingSystemMXBean system
        ? system.getTotalMemorySize()
        : 0;
  }

  /** Read once. */
  private static final class Holder {
    static final MachineInfo MACHINE = read();
  }
}
