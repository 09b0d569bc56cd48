package io.calm.cli.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.cli.eval.EvalReport.Header;
import io.calm.cli.eval.EvalReport.Model;
import io.calm.cli.eval.EvalReport.OfTask;
import io.calm.cli.eval.EvalReport.OfText;
import io.calm.cli.eval.Task.Choice;
import io.calm.cli.eval.Task.Kind;
import io.calm.cli.eval.Task.Question;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class EvalReportTest {
  private static final Header HEADER =
      new Header("tiny", "-s calm.group=64", Optional.empty(), "2026-11-27T00:00:00Z");

  private static Perplexity scores(boolean compared, double... nlls) {
    return new Perplexity(
        Arrays.stream(nlls).mapToObj(nll -> new BranchScore(4, 4 * nll, 0, 0.4, 3)).toList(),
        compared);
  }

  private static EvalReport texts(Perplexity... scores) {
    TextWindows windows =
        TextWindows.cut(
            "a.txt", new int[5 * scores[0].windows().size()], OptionalInt.empty(), 5, 9);
    List<Model> models =
        List.of(
                new Model("calm", EvalReport.Kind.SEARCHED, "uniform-gptq"),
                new Model("rtn", EvalReport.Kind.UNIFORM, "uniform-rtn"))
            .subList(0, scores.length);
    OfText text = new OfText(Path.of("x/a.txt"), windows, List.of(scores), List.of(10.0, 20.0));
    return new EvalReport(HEADER, models, scores.length - 1, List.of(text), List.of());
  }

  @Test
  void aTextHasOneRowPerPrecisionAndAPairedDifference() {
    EvalReport report = texts(scores(true, 1, 2, 3), scores(true, 2, 3.5, 4));
    assertEquals(
        """
        calm serves the plan uniform-gptq
        text   precision  windows  tokens  perplexity         NLL, nats/token     KL, millinats/token  top-1 agreement, %  tokens/s
        a.txt  calm       3 x 5    12      7.389 +- 4.266     2.00000 +- 0.57735  100.000 +- 0.000     75.00 +- 0.00       10
        a.txt  rtn        3 x 5    12      23.728 +- 14.259   3.16667 +- 0.60093  100.000 +- 0.000     75.00 +- 0.00       20
        a.txt is short: it has 15 tokens, of which 12 were scored, not 65536.

        text   difference  perplexity, %      NLL, nats/token              KL, millinats/token                             top-1 agreement, %
        a.txt  calm - rtn  -68.860 +- 5.190   -1.16667 +- 0.16667  better  +0.000 +- 0.000      no significant difference  +0.00 +- 0.00       no significant difference
        Paired differences, one per window or question; better and worse: beyond two standard errors.
        """
            .strip()
            .replaceAll(" +", " "),
        String.join("\n", report.lines()).replaceAll(" +", " "));
  }

  @Test
  void withoutKlThereAreNoSuchColumns() {
    List<String> lines = texts(scores(false, 1)).lines();
    assertTrue(lines.get(1).endsWith("NLL, nats/token  tokens/s"), lines.get(1));
    assertTrue(lines.get(2).contains("2.718    "), "no error of one window: " + lines.get(2));
  }

  @Test
  void jsonHasWhatIsPrinted() {
    EvalReport report = texts(scores(true, 1, 2, 3), scores(true, 2, 3.5, 4));
    JsonObject json = JsonParser.parseString(EvalJson.of(report)).getAsJsonObject();
    assertEquals("tiny", json.get("model").getAsString());
    assertEquals("-s calm.group=64", json.get("settings").getAsString());
    JsonObject text = json.getAsJsonArray("texts").get(0).getAsJsonObject();
    assertEquals(12, text.get("scored_tokens").getAsInt());
    assertEquals(3, text.get("windows").getAsInt());
    assertTrue(text.get("short").getAsBoolean());
    JsonObject calm = text.getAsJsonArray("precisions").get(0).getAsJsonObject();
    assertEquals("uniform-gptq", calm.get("served").getAsString());
    assertEquals(2.0, calm.getAsJsonObject("nll").get("mean").getAsDouble());
    assertEquals(0.1, calm.getAsJsonObject("kl").get("mean").getAsDouble(), 1e-12);
    assertEquals(0.75, calm.getAsJsonObject("top_one_agreement").get("mean").getAsDouble());
    assertEquals("[1.0,2.0,3.0]", calm.getAsJsonArray("window_nlls").toString());
    assertEquals("[0.75,0.75,0.75]", calm.getAsJsonArray("window_agreements").toString());
    JsonObject difference = text.getAsJsonArray("differences").get(0).getAsJsonObject();
    assertEquals("rtn", difference.get("against").getAsString());
    JsonObject nll = difference.getAsJsonObject("nll");
    assertEquals(-7 / 6.0, nll.get("mean").getAsDouble(), 1e-12);
    assertEquals(1 / 6.0, nll.get("standard_error").getAsDouble(), 1e-12);
    assertEquals("better", nll.get("verdict").getAsString());
  }

  @Test
  void anUnknownErrorIsNull() {
    String json = EvalJson.of(texts(scores(false, 1)));
    JsonObject text =
        JsonParser.parseString(json)
            .getAsJsonObject()
            .getAsJsonArray("texts")
            .get(0)
            .getAsJsonObject();
    JsonObject only = text.getAsJsonArray("precisions").get(0).getAsJsonObject();
    assertTrue(only.getAsJsonObject("nll").get("standard_error").isJsonNull(), json);
  }

  @Test
  void aNumberThatIsNotFiniteIsNull() {
    String json = EvalJson.of(texts(scores(false, 1, Double.POSITIVE_INFINITY)));
    assertFalse(json.contains("Infinity"), json);
    assertFalse(json.contains("NaN"), json);
    JsonObject text =
        JsonParser.parseString(json)
            .getAsJsonObject()
            .getAsJsonArray("texts")
            .get(0)
            .getAsJsonObject();
    JsonObject only = text.getAsJsonArray("precisions").get(0).getAsJsonObject();
    assertTrue(only.getAsJsonObject("perplexity").get("mean").isJsonNull(), json);
    assertEquals("[1.0,null]", only.getAsJsonArray("window_nlls").toString());
  }

  @Test
  void tasksHaveAccuracyOrPerplexity() {
    List<Choice> choices = List.of(new Choice(" a", 1), new Choice(" b", 1));
    Question question = new Question("f, line 1", "c", choices, 0);
    Task choice = new Task("arc", Kind.MULTIPLE_CHOICE, List.of(question, question));
    Task word = new Task("lambada", Kind.LAST_WORD, List.of(question, question));
    TaskScore right = task(Kind.MULTIPLE_CHOICE, true, true);
    TaskScore half = task(Kind.MULTIPLE_CHOICE, true, false);
    TaskScore words = task(Kind.LAST_WORD, true, false);
    EvalReport report =
        new EvalReport(
            HEADER,
            List.of(
                new Model("calm", EvalReport.Kind.SEARCHED, "calm"),
                new Model("rtn", EvalReport.Kind.UNIFORM, "uniform-rtn")),
            1,
            List.of(),
            List.of(
                new OfTask(Path.of("f"), choice, 7, List.of(right, half), List.of(1.0, 1.0)),
                new OfTask(Path.of("g"), word, 2, List.of(words, words), List.of(1.0, 1.0))));
    String lines = String.join("\n", report.lines()).replaceAll(" +", " ");
    assertTrue(lines.contains("arc calm 2 of 7 100.00 +- 0.00 100.00 +- 0.00 - 1.0"), lines);
    assertTrue(lines.contains("lambada rtn 2 of 2 50.00 +- 50.00 - 7.389 +- 0.000 1.0"), lines);
    assertTrue(lines.contains("arc calm - rtn +50.00 +- 50.00 no significant difference"), lines);
    JsonObject json = JsonParser.parseString(EvalJson.of(report)).getAsJsonObject();
    JsonObject first = json.getAsJsonArray("tasks").get(0).getAsJsonObject();
    assertEquals(7, first.get("questions_in_file").getAsInt());
    JsonObject calm = first.getAsJsonArray("precisions").get(0).getAsJsonObject();
    assertEquals(1.0, calm.getAsJsonObject("acc_norm").get("mean").getAsDouble());
  }

  /** Returns a report of two models whose only text has these numbers of agreements per window. */
  private static EvalReport agreements(List<Model> models, int[] first, int[] second) {
    TextWindows windows =
        TextWindows.cut("a.txt", new int[5 * first.length], OptionalInt.empty(), 5, 9);
    List<Perplexity> scores = List.of(agreeing(first), agreeing(second));
    OfText text = new OfText(Path.of("a.txt"), windows, scores, List.of(1.0, 1.0));
    return new EvalReport(HEADER, models, 1, List.of(text), List.of());
  }

  private static Perplexity agreeing(int... agreements) {
    return new Perplexity(
        Arrays.stream(agreements).mapToObj(top -> new BranchScore(4, 4, 0, 0, top)).toList(), true);
  }

  private static List<Model> models(EvalReport.Kind first) {
    return List.of(
        new Model("calm", first, "calm"), new Model("rtn", EvalReport.Kind.UNIFORM, "uniform-rtn"));
  }

  private static String lines(EvalReport report) {
    return String.join("\n", report.lines()).replaceAll(" +", " ");
  }

  @Test
  void moreAgreementIsBetter() {
    List<Model> models = models(EvalReport.Kind.SEARCHED);
    String more = lines(agreements(models, new int[] {4, 3, 4}, new int[] {2, 2, 2}));
    assertTrue(more.contains(" +41.67 +- 8.33 better"), more);
    String less = lines(agreements(models, new int[] {2, 2, 2}, new int[] {4, 3, 4}));
    assertTrue(less.contains(" -41.67 +- 8.33 worse"), less);
  }

  @Test
  void moreAccuracyIsBetter() {
    TaskScore high = task(Kind.MULTIPLE_CHOICE, true, true, true);
    TaskScore low = task(Kind.MULTIPLE_CHOICE, false, false, false);
    String more = lines(questions(List.of(high, low), 1));
    assertTrue(more.contains("arc calm - rtn +100.00 +- 0.00 better +100.00 +- 0.00 better"), more);
    String less = lines(questions(List.of(low, high), 1));
    assertTrue(less.contains("arc calm - rtn -100.00 +- 0.00 worse -100.00 +- 0.00 worse"), less);
  }

  @Test
  void aTaskWithoutTheScoresOfAModelHasNoRowForIt() {
    String lines = lines(questions(List.of(task(Kind.MULTIPLE_CHOICE, true, true)), 0));
    assertTrue(lines.contains("arc calm 2 of 7"), lines);
    assertFalse(lines.contains("rtn"), lines);
  }

  /** Returns a report of two models on one task. */
  private static EvalReport questions(List<TaskScore> scores, int against) {
    Question question =
        new Question("f, line 1", "c", List.of(new Choice(" a", 1), new Choice(" b", 1)), 0);
    Task task =
        new Task(
            "arc",
            Kind.MULTIPLE_CHOICE,
            Collections.nCopies(scores.get(0).answers().size(), question));
    OfTask of = new OfTask(Path.of("f"), task, 7, scores, Collections.nCopies(scores.size(), 1.0));
    return new EvalReport(
        HEADER, models(EvalReport.Kind.SEARCHED), against, List.of(), List.of(of));
  }

  @Test
  void differencesFromFullPrecisionHaveNoDivergence() {
    int[] all = {4, 4, 4};
    int[] some = {2, 3, 2};
    String reference = lines(agreements(models(EvalReport.Kind.REFERENCE), all, some));
    assertTrue(
        reference.contains(
            "\na.txt calm - rtn +0.000 +- 0.000 +0.00000 +- 0.00000 no significant"
                + " difference\nPaired"),
        reference);
  }

  @Test
  void aServedMixIsNotAnnounced() {
    String lines =
        lines(agreements(models(EvalReport.Kind.SEARCHED), new int[] {4, 4}, new int[] {4, 4}));
    assertFalse(lines.contains("serves the plan"), lines);
  }

  private static TaskScore task(Kind kind, boolean... correct) {
    List<TaskScore.Answer> answers = new ArrayList<>();
    for (boolean each : correct) {
      answers.add(new TaskScore.Answer(each, each, 2));
    }
    return new TaskScore(kind, answers);
  }
}
