package io.calm.export.onnx;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The libraries of TensorRT 8 to which DJL's TensorRT engine is linked. */
final class TensorRtLibraries {
  private static final List<String> NAMES =
      List.of("libnvinfer.so.8", "libnvonnxparser.so.8", "libnvparsers.so.8");
  private static final List<String> SYSTEM =
      List.of(
          "/lib64",
          "/usr/lib64",
          "/usr/lib/x86_64-linux-gnu",
          "/usr/local/lib",
          "/usr/local/cuda/lib64",
          "/usr/local/tensorrt/lib");

  private TensorRtLibraries() {}

  /**
   * Returns the libraries that are in no directory of {@code LD_LIBRARY_PATH} and no usual one.
   *
   * @param environment of the process
   */
  static List<String> missing(Map<String, String> environment) {
    String own = environment.getOrDefault("LD_LIBRARY_PATH", "");
    List<String> directories =
        Stream.concat(Arrays.stream(own.split(":", -1)), SYSTEM.stream())
            .filter(directory -> !directory.isEmpty())
            .toList();
    return NAMES.stream()
        .filter(
            name -> directories.stream().noneMatch(at -> Files.exists(Path.of(at).resolve(name))))
        .toList();
  }

  /** Returns what to do on a machine that lacks {@code missing}. */
  static String note(List<String> missing) {
    return ("%s: not found in LD_LIBRARY_PATH or the usual directories; the export is complete, but"
            + " DJL's TensorRT engine 0.33.0 is linked to TensorRT 8.4: install that where the model"
            + " is served, and put ai.djl.tensorrt:tensorrt:0.33.0 on the class path of DJL Serving")
        .formatted(String.join(", ", missing));
  }
}
