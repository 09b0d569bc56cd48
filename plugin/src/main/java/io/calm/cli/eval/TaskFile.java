package io.calm.cli.eval;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import io.calm.cli.eval.Task.Choice;
import io.calm.cli.eval.Task.Kind;
import io.calm.cli.eval.Task.Question;
import io.calm.text.Printable;
import java.io.BufferedInputStream;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/**
 * Reads tasks from files of JSON lines, compressed with gzip or not.
 *
 * <p>Multiple choice: one request per choice, {@code {"request_type": "loglikelihood", "request":
 * {"context": C, "continuation": T}, "task_name": N, "doc_id": D, "idx": I, "label": L}}. Requests
 * with the same task and document form a question. {@code idx} numbers its choices from 0, and
 * {@code label} is the right one. {@code doc.choices}, if present, has the answers themselves,
 * whose lengths normalize the scores; otherwise the answer is the continuation without its first
 * spaces.
 *
 * <p>Files of this format may also have every question without its text, e.g. after {@code Answer:}
 * alone, for scores relative to it. Its {@code doc_id} is larger by {@value #UNCONDITIONAL}, its
 * label and continuations are the same. Such requests are not scored.
 *
 * <p>LAMBADA: {@code {"text": T}}. The last word of T is predicted from the words before it.
 */
public final class TaskFile {
  private static final long UNCONDITIONAL = 1_000_000;
  private static final int MAX_QUOTE = 60;
  private static final Pattern ENDING = Pattern.compile("(\\.test)?\\.jsonl?(\\.gz)?$");

  private static final Pattern NUMBER = Pattern.compile("[0-9]{1,18}");

  private final Path file;
  private final Map<String, Map<String, Builder>> requests = new LinkedHashMap<>();
  private final List<Question> words = new ArrayList<>();

  private TaskFile(Path file) {
    this.file = file;
  }

  /** The choices of a question so far, by index. */
  private static final class Builder {
    final String place;
    final String context;
    final int gold;
    final Map<Integer, Choice> choices = new LinkedHashMap<>();

    Builder(String place, String context, int gold) {
      this.place = place;
      this.context = context;
      this.gold = gold;
    }
  }

  /**
   * Reads the tasks of a file.
   *
   * @throws IllegalArgumentException if a line is not a request; names file and line
   */
  public static List<Task> read(Path file) throws IOException {
    return new TaskFile(file).read();
  }

  private List<Task> read() throws IOException {
    int number = 0;
    try (BufferedReader lines = open()) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        if (!line.isBlank()) {
          add(object(line, number), number);
        }
      }
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(
          "%s, line %d or later: expected UTF-8, got other bytes; convert the file"
              .formatted(file, number + 1),
          e);
    } catch (EOFException | ZipException e) {
      throw new IllegalArgumentException(
          "%s, after line %d: expected a complete gzip file, got a damaged one (%s); fetch it again"
              .formatted(file, number, e.getMessage()),
          e);
    }
    return tasks();
  }

  private BufferedReader open() throws IOException {
    InputStream stream = new BufferedInputStream(Files.newInputStream(file));
    try {
      stream.mark(2);
      boolean gzip = stream.read() == 0x1f && stream.read() == 0x8b;
      stream.reset();
      InputStream plain = gzip ? new GZIPInputStream(stream, 1 << 16) : stream;
      return new BufferedReader(new InputStreamReader(plain, UTF_8.newDecoder()));
    } catch (IOException | RuntimeException e) {
      stream.close();
      throw e;
    }
  }

  private JsonObject object(String line, int number) {
    try {
      if (JsonParser.parseString(line) instanceof JsonObject object) {
        return object;
      }
    } catch (JsonParseException e) {
      // reported below
    }
    throw wrong(
        number, "a JSON object", Printable.of(line, MAX_QUOTE), "write one request per line");
  }

  private void add(JsonObject line, int number) {
    if (line.has("request") || line.has("request_type")) {
      addRequest(line, number);
    } else if (line.has("text")) {
      addWord(line, number);
    } else {
      throw wrong(
          number,
          "\"request\" (multiple choice) or \"text\" (LAMBADA)",
          "the keys " + line.keySet(),
          "give a file of such requests");
    }
  }

  private void addWord(JsonObject line, int number) {
    String text = string(line, "text", number);
    int space = text.lastIndexOf(' ');
    if (space <= 0 || space + 1 == text.length()) {
      throw wrong(
          number,
          "a text of several words in \"text\"",
          quote(text),
          "give texts that end with a word");
    }
    String word = text.substring(space);
    words.add(
        new Question(
            place(number),
            text.substring(0, space),
            List.of(new Choice(word, characters(word.substring(1)))),
            0));
  }

  private void addRequest(JsonObject line, int number) {
    String type = string(line, "request_type", number);
    if (!type.equals("loglikelihood")) {
      throw wrong(
          number,
          "\"request_type\": \"loglikelihood\"",
          quote(type),
          "give a multiple-choice task; tasks that generate text are not supported");
    }
    if (!(line.get("request") instanceof JsonObject request)) {
      throw wrong(number, "an object \"request\"", shown(line.get("request")), "add it");
    }
    String context = string(request, "context", number);
    String continuation = string(request, "continuation", number);
    int gold = index(line, "label", number);
    int idx = index(line, "idx", number);
    JsonElement document = line.get("doc_id");
    if (!(document instanceof JsonPrimitive)) {
      throw wrong(number, "a number or string \"doc_id\"", shown(document), "add it");
    }
    String task = line.has("task_name") ? string(line, "task_name", number) : baseName();
    Builder question =
        requests
            .computeIfAbsent(task, name -> new LinkedHashMap<>())
            .computeIfAbsent(
                document.getAsString(), id -> new Builder(place(number), context, gold));
    if (question.gold != gold || !question.context.equals(context)) {
      throw wrong(
          number,
          "the context and label of " + question.place + ", which has the same doc_id",
          "others",
          "give each question a doc_id of its own");
    }
    String answer =
        answer(line, idx).filter(continuation::endsWith).orElse(continuation.stripLeading());
    if (question.choices.put(idx, new Choice(continuation, characters(answer))) != null) {
      throw wrong(
          number, "each idx once per doc_id", "a second idx " + idx, "remove one of the requests");
    }
  }

  /**
   * Returns the choice of the document, if the line has it. It is not the answer if the
   * continuation is its letter.
   */
  private static Optional<String> answer(JsonObject line, int idx) {
    return line.get("doc") instanceof JsonObject doc
            && doc.get("choices") instanceof JsonArray choices
            && idx < choices.size()
            && choices.get(idx) instanceof JsonPrimitive value
            && value.isString()
            && !value.getAsString().isEmpty()
        ? Optional.of(value.getAsString())
        : Optional.empty();
  }

  private List<Task> tasks() {
    List<Task> tasks = new ArrayList<>();
    requests.forEach(
        (name, questions) ->
            tasks.add(
                new Task(
                    name,
                    Kind.MULTIPLE_CHOICE,
                    questions.entrySet().stream()
                        .filter(entry -> !isUnconditional(entry.getKey(), questions))
                        .map(entry -> question(entry.getValue()))
                        .toList())));
    if (!words.isEmpty()) {
      tasks.add(new Task(baseName(), Kind.LAST_WORD, words));
    }
    if (tasks.isEmpty()) {
      throw new IllegalArgumentException(
          "%s: expected requests, one JSON object per line, got an empty file; give another file"
              .formatted(file));
    }
    return tasks;
  }

  /** Returns whether a question repeats the choices of another one without its text. */
  private static boolean isUnconditional(String id, Map<String, Builder> questions) {
    Builder own = questions.get(id);
    if (own == null || !NUMBER.matcher(id).matches()) {
      return false;
    }
    Builder whole = questions.get(Long.toString(Long.parseLong(id) - UNCONDITIONAL));
    return whole != null && whole.gold == own.gold && whole.choices.equals(own.choices);
  }

  private Question question(Builder builder) {
    int count = builder.choices.size();
    List<Choice> choices = new ArrayList<>();
    for (int idx = 0; idx < count; idx++) {
      Choice choice = builder.choices.get(idx);
      if (choice == null) {
        throw new IllegalArgumentException(
            "%s: expected a request with idx %d among the %d with its doc_id, got none; add it"
                .formatted(builder.place, idx, count));
      }
      if (choice.characters() == 0) {
        throw new IllegalArgumentException(
            "%s: expected answers with text, got an empty one (idx %d); remove the question"
                .formatted(builder.place, idx));
      }
      choices.add(choice);
    }
    if (count < 2 || builder.gold >= count) {
      throw new IllegalArgumentException(
          "%s: expected at least two choices and a label below their number, got %d choices and"
                  .formatted(builder.place, count)
              + " label %d; add the missing requests".formatted(builder.gold));
    }
    return new Question(builder.place, builder.context, choices, builder.gold);
  }

  private String string(JsonObject object, String key, int number) {
    if (object.get(key) instanceof JsonPrimitive value && value.isString()) {
      return value.getAsString();
    }
    throw wrong(number, "a string \"%s\"".formatted(key), shown(object.get(key)), "add it");
  }

  private int index(JsonObject object, String key, int number) {
    if (object.get(key) instanceof JsonPrimitive value && value.isNumber()) {
      double index = value.getAsDouble();
      if (index >= 0 && index <= Short.MAX_VALUE && index == Math.rint(index)) {
        return (int) index;
      }
    }
    throw wrong(
        number,
        "the number of a choice, 0 or more, in \"%s\"".formatted(key),
        shown(object.get(key)),
        "correct it");
  }

  private static String shown(@Nullable JsonElement value) {
    return value == null ? "nothing" : Printable.of(value.toString(), MAX_QUOTE);
  }

  private static String quote(String text) {
    return '"' + Printable.of(text, MAX_QUOTE) + '"';
  }

  private IllegalArgumentException wrong(int line, String expected, String got, String remedy) {
    return new IllegalArgumentException(
        "%s: expected %s, got %s; %s".formatted(place(line), expected, got, remedy));
  }

  private String place(int line) {
    return "%s, line %d".formatted(file, line);
  }

  private String baseName() {
    return ENDING.matcher(String.valueOf(file.getFileName())).replaceFirst("");
  }

  private static int characters(String text) {
    return text.codePointCount(0, text.length());
  }
}
