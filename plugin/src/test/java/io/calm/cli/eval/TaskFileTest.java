package io.calm.cli.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.cli.eval.Task.Kind;
import io.calm.cli.eval.Task.Question;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TaskFileTest {
  private static final String QUESTION =
      request("q", 0, 0, 1, "Sky:", " blue")
          + request("q", 0, 1, 1, "Sky:", " café")
          + request("q", "\"x\"", 1, 0, "Sea:", " b")
          + request("q", "\"x\"", 0, 0, "Sea:", " a");

  @TempDir Path directory;

  private static String request(
      String task, Object document, int idx, int label, String context, String continuation) {
    return """
        {"request_type": "loglikelihood", "request": {"context": "%s", "continuation": "%s"}, \
        "task_name": "%s", "doc_id": %s, "idx": %d, "label": %d}
        """
        .formatted(context, continuation, task, document, idx, label);
  }

  private Path write(String name, String content) throws IOException {
    return Files.writeString(directory.resolve(name), content);
  }

  private static byte[] gzip(String content) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream stream = new GZIPOutputStream(bytes)) {
      stream.write(content.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }

  private String failure(Path file) {
    return assertThrows(IllegalArgumentException.class, () -> TaskFile.read(file)).getMessage();
  }

  @Test
  void requestsOfADocumentAreAQuestion() throws IOException {
    Path file = write("a.jsonl", QUESTION + "\n");
    List<Task> tasks = TaskFile.read(file);
    assertEquals(1, tasks.size());
    Task task = tasks.get(0);
    assertEquals("q", task.name());
    assertEquals(Kind.MULTIPLE_CHOICE, task.kind());
    assertEquals(2, task.questions().size());
    Question first = task.questions().get(0);
    assertEquals(file + ", line 1", first.place());
    assertEquals("Sky:", first.context());
    assertEquals(1, first.gold());
    assertEquals(
        List.of(new Task.Choice(" blue", 4), new Task.Choice(" café", 4)),
        first.choices(),
        "characters without the space");
    assertEquals(" a", task.questions().get(1).choices().get(0).text(), "ordered by idx");
    assertEquals(List.of(first), task.limit(1).questions());
    assertEquals(2, task.limit(9).questions().size());
  }

  private static int charactersOfTheFirst(Path file) throws IOException {
    return TaskFile.read(file).get(0).questions().get(0).choices().get(0).characters();
  }

  @Test
  void theAnswerOfTheDocumentGivesTheLength() throws IOException {
    String line = QUESTION.replaceFirst("\\{", "{\"doc\": {\"choices\": [\" blue\", \"x\"]}, ");
    assertEquals(5, charactersOfTheFirst(write("a.jsonl", line)), "with its space");
  }

  @Test
  void aCharacterOutsideTheBasicPlaneCountsOnce() throws IOException {
    String line = QUESTION.replace(" blue", " \uD83C\uDF0A blue");
    assertEquals(6, charactersOfTheFirst(write("a.jsonl", line)), "as Python's len");
  }

  @Test
  void aLetterForAnAnswerHasItsOwnLength() throws IOException {
    String document = "{\"doc\": {\"choices\": [\"the colour of the sky\", \"x\"]}, ";
    String letter =
        request("q", 0, 0, 1, "Sky:", " A").replaceFirst("\\{", document)
            + request("q", 0, 1, 1, "Sky:", " B");
    assertEquals(1, charactersOfTheFirst(write("a.jsonl", letter)));
    String empty = QUESTION.replaceFirst("\\{", "{\"doc\": {\"choices\": [\"\"]}, ");
    assertEquals(4, charactersOfTheFirst(write("b.jsonl", empty)), "every text ends with nothing");
  }

  @Test
  void gzipIsFoundByItsContent() throws IOException {
    Path plain = write("b.jsonl.gz", QUESTION);
    Path packed = Files.write(directory.resolve("b.jsonl"), gzip(QUESTION));
    assertEquals(
        TaskFile.read(plain).get(0).questions().get(1).choices(),
        TaskFile.read(packed).get(0).questions().get(1).choices());
    byte[] bytes = gzip(QUESTION);
    Files.write(packed, Arrays.copyOf(bytes, bytes.length - 12));
    String message = failure(packed);
    assertTrue(message.startsWith(packed + ", after line "), message);
    assertTrue(message.contains("expected a complete gzip file"), message);
  }

  @Test
  void aFileMayHoldSeveralTasks() throws IOException {
    String two = QUESTION + QUESTION.replace("\"q\"", "\"r\"");
    List<Task> tasks = TaskFile.read(write("a.jsonl", two));
    assertEquals(List.of("q", "r"), tasks.stream().map(Task::name).toList());
  }

  @Test
  void questionsWithoutTheirTextAreNotScored() throws IOException {
    String file =
        request("q", 5, 0, 1, "Sky:", " blue")
            + request("q", 5, 1, 1, "Sky:", " red")
            + request("q", 1000005, 0, 1, "Answer:", " blue")
            + request("q", 1000005, 1, 1, "Answer:", " red")
            + request("q", 1000006, 0, 1, "Answer:", " blue")
            + request("q", 1000006, 1, 1, "Answer:", " red");
    List<Question> questions = TaskFile.read(write("a.jsonl", file)).get(0).questions();
    assertEquals(List.of("Sky:", "Answer:"), questions.stream().map(Question::context).toList());
    assertTrue(questions.get(1).place().endsWith("line 5"), "it has no other question");
    String another = file.replace("1000005", "1000007");
    assertEquals(3, TaskFile.read(write("b.jsonl", another)).get(0).questions().size());
  }

  @Test
  void theLastWordOfATextIsTheContinuation() throws IOException {
    Path file = write("lambada_openai.test.jsonl", "{\"text\": \"one two\\n\\n\\\"three four\"}\n");
    Task task = TaskFile.read(file).get(0);
    assertEquals("lambada_openai", task.name());
    assertEquals(Kind.LAST_WORD, task.kind());
    assertEquals("one two\n\n\"three", task.questions().get(0).context());
    assertEquals(List.of(new Task.Choice(" four", 4)), task.questions().get(0).choices());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'text': 'one'}|a text of several words|\"one\"",
        "{'text': 'one '}|a text of several words|\"one \"",
        "{'text': 1}|a string \"text\"|1",
        "[1]|a JSON object|[1]",
        "not json at all|a JSON object|not json at all",
        "{'a': 1}|\"request\" (multiple choice) or \"text\" (LAMBADA)|[a]",
        "{'request_type': 'generate_until'}|\"request_type\": \"loglikelihood\"|generate_until",
        "{'request_type': 'loglikelihood'}|an object \"request\"|nothing",
        "{'request_type': 'loglikelihood', 'request': {}}|a string \"context\"|nothing",
      })
  void aWrongLineIsNamed(String line, String expected, String got) throws IOException {
    Path file = write("a.jsonl", QUESTION + line.replace('\'', '"') + "\n");
    String message = failure(file);
    assertTrue(message.startsWith(file + ", line 5: expected " + expected), message);
    assertTrue(message.contains("got ") && message.contains(got), message);
    assertTrue(message.contains("; "), "a remedy: " + message);
  }

  @Test
  void aWrongNumberIsNamed() throws IOException {
    String line = request("q", 7, 0, 0, "c", " a");
    for (String wrong : List.of("-1", "0.5", "\"0\"", "null", "99999")) {
      String message =
          failure(write("a.jsonl", line.replace("\"label\": 0", "\"label\": " + wrong)));
      assertTrue(message.contains("line 1: expected the number of a choice"), message);
      assertTrue(message.contains("in \"label\", got " + wrong), message);
    }
    assertTrue(
        failure(write("a.jsonl", line.replace("\"doc_id\": 7, ", ""))).contains("\"doc_id\""));
  }

  @Test
  void aQuestionThatIsNotWholeIsNamed() throws IOException {
    String first = request("q", 0, 0, 1, "c", " a");
    String message = failure(write("a.jsonl", first));
    assertTrue(message.contains("line 1: expected at least two choices"), message);
    message = failure(write("a.jsonl", first + request("q", 0, 2, 1, "c", " b")));
    assertTrue(message.contains("expected a request with idx 1"), message);
    message = failure(write("a.jsonl", first + first));
    assertTrue(message.contains("line 2: expected each idx once"), message);
    message = failure(write("a.jsonl", first + request("q", 0, 1, 1, "other", " b")));
    assertTrue(message.contains("line 2: expected the context and label of"), message);
    message = failure(write("a.jsonl", first + request("q", 0, 1, 1, "c", " ")));
    assertTrue(message.contains("expected answers with text"), message);
  }

  @Test
  void anEmptyFileIsRefused() throws IOException {
    assertTrue(failure(write("a.jsonl", "\n")).contains("got an empty file"));
  }
}
