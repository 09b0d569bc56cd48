package io.calm.settings;

import io.calm.files.UserHome;
import io.calm.quant.AlgorithmName;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Function;

/** Parsers from text to value. A parser returns empty if the text is not allowed. */
final class ValueParsers {
  private ValueParsers() {}

  static Function<String, Optional<Boolean>> flag() {
    return choice(Map.of("true", true, "false", false));
  }

  static <T> Function<String, Optional<T>> choice(Map<String, T> values) {
    return text -> Optional.ofNullable(values.get(text.toLowerCase(Locale.ROOT)));
  }

  static Function<String, Optional<Long>> wholeNumber(long min, long max) {
    return text -> {
      try {
        long value = Long.parseLong(text);
        return value >= min && value <= max ? Optional.of(value) : Optional.empty();
      } catch (NumberFormatException notANumber) {
        return Optional.empty();
      }
    };
  }

  static Function<String, Optional<Duration>> seconds(long min, long max) {
    return wholeNumber(min, max).andThen(value -> value.map(Duration::ofSeconds));
  }

  static Function<String, Optional<Optional<Duration>>> secondsOrOff(long min, long max) {
    return text -> {
      if (text.equalsIgnoreCase("off")) {
        return Optional.of(Optional.empty());
      }
      Optional<Duration> time = seconds(min, max).apply(text);
      return time.isPresent() ? Optional.of(time) : Optional.empty();
    };
  }

  static Function<String, Optional<Integer>> integer(int min, int max) {
    return wholeNumber(min, max).andThen(value -> value.map(Math::toIntExact));
  }

  /** A number of predicted tokens: {@code off} is 0, {@code lookup} the usual number. */
  static Function<String, Optional<Integer>> speculatedTokens(int usual, int max) {
    String prefix = "lookup:";
    return text -> {
      String word = text.toLowerCase(Locale.ROOT);
      return switch (word) {
        case "off" -> Optional.of(0);
        case "lookup" -> Optional.of(usual);
        default ->
            word.startsWith(prefix)
                ? integer(1, max).apply(word.substring(prefix.length()))
                : Optional.empty();
      };
    };
  }

  static Function<String, Optional<OptionalInt>> integerOrAuto(int min, int max) {
    return orAuto(integer(min, max).andThen(v -> v.map(OptionalInt::of)), OptionalInt.empty());
  }

  static Function<String, Optional<OptionalLong>> wholeNumberOrAuto(long min, long max) {
    return orAuto(
        wholeNumber(min, max).andThen(v -> v.map(OptionalLong::of)), OptionalLong.empty());
  }

  static Function<String, Optional<Double>> decimal(double min, double max) {
    return text -> {
      try {
        double value = Double.parseDouble(text);
        return value >= min && value <= max ? Optional.of(value) : Optional.empty();
      } catch (NumberFormatException notANumber) {
        return Optional.empty();
      }
    };
  }

  /** The name of an algorithm, or {@code word}, which reads as empty. */
  static Function<String, Optional<Optional<AlgorithmName>>> nameOr(String word) {
    return text -> {
      String name = text.toLowerCase(Locale.ROOT);
      if (name.equals(word)) {
        return Optional.of(Optional.empty());
      }
      Optional<AlgorithmName> parsed = AlgorithmName.parse(name);
      return parsed.isPresent() ? Optional.of(parsed) : Optional.empty();
    };
  }

  /** The name of an algorithm, {@code auto} or {@code off}. */
  static Function<String, Optional<BaselineChoice>> baseline() {
    return text ->
        switch (text.toLowerCase(Locale.ROOT)) {
          case "auto" -> Optional.of(new BaselineChoice.Auto());
          case "off" -> Optional.of(new BaselineChoice.Off());
          default ->
              AlgorithmName.parse(text.toLowerCase(Locale.ROOT)).map(BaselineChoice.Named::new);
        };
  }

  /** Distinct names of algorithms, separated by commas; {@code auto} reads as the empty list. */
  static Function<String, Optional<List<AlgorithmName>>> namesOrAuto() {
    return text -> {
      if (text.equalsIgnoreCase("auto")) {
        return Optional.of(List.of());
      }
      List<AlgorithmName> names = new ArrayList<>();
      for (String part : text.toLowerCase(Locale.ROOT).split(",", -1)) {
        Optional<AlgorithmName> name =
            AlgorithmName.parse(part.strip()).filter(parsed -> !parsed.text().equals("auto"));
        if (name.isEmpty() || names.contains(name.get())) {
          return Optional.empty();
        }
        names.add(name.get());
      }
      return Optional.of(names);
    };
  }

  /** A file, or {@code word}, which reads as empty. */
  static Function<String, Optional<Optional<Path>>> pathOr(String word) {
    return text -> {
      if (text.equals(word)) {
        return Optional.of(Optional.empty());
      }
      Optional<Path> file = path().apply(text);
      return file.isPresent() ? Optional.of(file) : Optional.empty();
    };
  }

  static Function<String, Optional<Path>> path() {
    return text -> {
      try {
        return text.isEmpty() ? Optional.empty() : Optional.of(Path.of(home(text)));
      } catch (InvalidPathException bad) {
        return Optional.empty();
      }
    };
  }

  /** Returns the text with a leading {@code ~} replaced by the user's home, if the user has one. */
  static String home(String text) {
    return text.equals("~") || text.startsWith("~/")
        ? UserHome.find().map(home -> home + text.substring(1)).orElse(text)
        : text;
  }

  private static <T> Function<String, Optional<T>> orAuto(
      Function<String, Optional<T>> parser, T auto) {
    return text -> text.equalsIgnoreCase("auto") ? Optional.of(auto) : parser.apply(text);
  }
}
