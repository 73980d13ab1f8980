/**
 * How likely a function is wanted in a given minute, if it is not wanted before.
 *
 * Several views of its history each give a probability: how long ago it was last wanted; how that compares with its
 * last distances (a period shows here); the minute of the hour; what happened a quarter, half an hour, an hour, four
 * hours and a day ago, and once and twice as long before that (a timer shows here); and what functions of such a rhythm
 * do in general. Each view counts outcomes for the function alone and for all functions together, and trusts the former
 * as far as they go. The views are mixed in the logistic domain with weights learned as time passes, from all functions
 * (as compressors of the PAQ family mix their models; Mattoni and Mahoney, "Adaptive weighing of context models", 2005).
 *
 * Nothing is trained in advance. Each minute is predicted before it is learned from, so no forecast has seen what it
 * forecasts.
 */
import {
  ageCells,
  type DemandHistory,
  lagCells,
  lagsMinutes,
  minutesRemembered,
  phaseCells,
  rhythmCells,
} from "./demand-history.ts";

/** Views by index: age, rhythm, phase, the lags; the last one is of all functions only. */
const viewsOwn = 3 + lagsMinutes.length;
const views = viewsOwn + 1;
const generalView = viewsOwn;
const gapClasses = 12;
const experienceClasses = 4;
const generalCells = gapClasses * gapClasses * experienceClasses;
const viewCells = [ageCells, rhythmCells, phaseCells, ...lagsMinutes.map(() => lagCells), generalCells];
const viewOffsets = viewCells.map((_, view) => viewCells.slice(0, view).reduce((sum, cells) => sum + cells, 0));
const cellsInAll = viewCells.reduce((sum, cells) => sum + cells, 0);

/** How many outcomes of its own outweigh what all functions show. */
const generalWeight = 0.7;
/** Outcomes counted of all functions in a cell before they are halved. */
const generalOutcomesMax = 5000;
/** Before anything is known: how likely any minute is. */
const firstGuess = 0.02;
/** Small: hundreds of functions are learned from in each minute. */
const learningRate = 0.0007;
/** The views agree in much: together they start a little above one. */
const firstWeight = 1 / views;
/** Classes of how much a view has seen: each has a weight of its own. */
const trustClasses = 6;
const biasClasses = 8;
const viewMin = 1e-4;
const viewMax = 0.999;
const forecastMin = 2e-5;
const forecastMax = 0.9995;

export class Forecaster {
  readonly #outcomes = new Float32Array(cellsInAll).fill(1);
  readonly #hits = new Float32Array(cellsInAll).fill(firstGuess);
  readonly #weights = new Float64Array(views * trustClasses).fill(firstWeight);
  readonly #biases = new Float64Array(biasClasses);
  /** Of the last evaluation: cell, trust class and stretched probability of each view. */
  readonly #cells = new Int32Array(views);
  readonly #trusts = new Int32Array(views);
  readonly #inputs = new Float64Array(views);
  #biasClass = 0;

  /** `minute` is after the last one with demand; there was none between. */
  probability(history: DemandHistory, minute: number): number {
    if (history.lastMinute < 0) return forecastMin;
    this.#look(history, minute);
    this.#weigh(history);
    return this.#mix();
  }

  /** The function is wanted in that minute. Safe to say again. What it teaches is learned when the minute is over. */
  mark(history: DemandHistory, minute: number): void {
    if (minute <= history.lastMinute) return;
    this.#pass(history, minute);
    this.#takeLesson(history);
    if (history.lastMinute >= 0) {
      this.#look(history, minute);
      this.#weigh(history);
      this.#countOwn(history, true);
      history.lesson = {
        biasClass: this.#biasClass,
        cells: this.#cells.slice(),
        trusts: this.#trusts.slice(),
        inputs: this.#inputs.slice(),
      };
    }
    history.learnedUntil = minute + 1;
    history.mark(minute);
  }

  /**
   * Learns of all functions what happened, and did not happen, before `minute`: demand and silence mixed as the
   * functions are. Whoever learned all demand of a minute first would expect too much until it learned the silence.
   */
  learn(histories: Iterable<DemandHistory>, minute: number): void {
    for (const history of histories) {
      this.#takeLesson(history);
      this.#pass(history, minute);
    }
  }

  #takeLesson(history: DemandHistory): void {
    const { lesson } = history;
    if (lesson === undefined) return;
    history.lesson = undefined;
    this.#biasClass = lesson.biasClass;
    this.#cells.set(lesson.cells);
    this.#trusts.set(lesson.trusts);
    this.#inputs.set(lesson.inputs);
    this.#learn(true);
  }

  /** Nothing was wanted in the minutes before `minute` that have not been learned from. */
  #pass(history: DemandHistory, minute: number): void {
    if (history.lastMinute < 0) return;
    // Silence beyond memory teaches nothing new.
    const from = Math.max(history.learnedUntil, history.lastMinute + 1);
    const until = Math.min(minute, history.lastMinute + minutesRemembered);
    for (let each = from; each < until; each++) {
      this.#look(history, each);
      this.#weigh(history);
      this.#learn(false);
      this.#countOwn(history, false);
    }
    history.learnedUntil = Math.max(history.learnedUntil, minute);
  }

  /** From what was looked at and weighed last. */
  #learn(hit: boolean): void {
    const outcome = hit ? 1 : 0;
    const step = (outcome - this.#mix()) * learningRate;
    this.#biases[this.#biasClass] = (this.#biases[this.#biasClass] ?? 0) + step;
    for (let view = 0; view < views; view++) {
      const weight = view * trustClasses + (this.#trusts[view] ?? 0);
      this.#weights[weight] = (this.#weights[weight] ?? 0) + step * (this.#inputs[view] ?? 0);
      const cell = this.#cells[view] ?? 0;
      const shrink = (this.#outcomes[cell] ?? 0) >= generalOutcomesMax ? 0.5 : 1;
      this.#outcomes[cell] = (this.#outcomes[cell] ?? 0) * shrink + 1;
      this.#hits[cell] = (this.#hits[cell] ?? 0) * shrink + outcome;
    }
  }

  /** A function's own cells have the offsets of the views that it has. */
  #countOwn(history: DemandHistory, hit: boolean): void {
    for (let view = 0; view < viewsOwn; view++) history.count(this.#cells[view] ?? 0, hit);
  }

  /** What each view says, and how much it has seen. */
  #weigh(history: DemandHistory): void {
    this.#biasClass = Math.min(biasClasses - 1, Math.floor(Math.log2(history.active + 1)));
    for (let view = 0; view < views; view++) {
      const cell = this.#cells[view] ?? 0;
      const general = ((this.#hits[cell] ?? 0) + 0.01) / ((this.#outcomes[cell] ?? 0) + 1);
      const outcomes = view === generalView ? 0 : history.outcomes(cell);
      const hits = outcomes === 0 ? 0 : history.hits(cell);
      const share = (hits + generalWeight * general) / (outcomes + generalWeight);
      this.#inputs[view] = stretch(Math.min(viewMax, Math.max(viewMin, share)));
      this.#trusts[view] = trustOf(outcomes);
    }
  }

  #mix(): number {
    let sum = this.#biases[this.#biasClass] ?? 0;
    for (let view = 0; view < views; view++) {
      sum += (this.#weights[view * trustClasses + (this.#trusts[view] ?? 0)] ?? 0) * (this.#inputs[view] ?? 0);
    }
    return Math.min(forecastMax, Math.max(forecastMin, 1 / (1 + Math.exp(-sum))));
  }

  /** Finds the cell of each view. */
  #look(history: DemandHistory, minute: number): void {
    const age = minute - history.lastMinute;
    const cells = this.#cells;
    cells[0] = ageCell(age);
    cells[1] = (viewOffsets[1] ?? 0) + rhythmCell(history, age);
    cells[2] = (viewOffsets[2] ?? 0) + (minute % phaseCells);
    for (let index = 0; index < lagsMinutes.length; index++) {
      const lag = lagsMinutes[index] ?? 1;
      const once = minute - lag;
      const pattern =
        (history.has(once) ? 1 : 0) +
        (history.has(once - lag) ? 2 : 0) +
        (history.has(once - 2 * lag) ? 4 : 0) +
        (history.has(once - 1) || history.has(once + 1) ? 8 : 0);
      cells[3 + index] = (viewOffsets[3 + index] ?? 0) + pattern;
    }
    const experience = Math.min(experienceClasses - 1, Math.floor(Math.log2(history.active + 1) / 2));
    cells[generalView] =
      (viewOffsets[generalView] ?? 0) +
      (gapClass(history.meanGap) * gapClasses + gapClass(age)) * experienceClasses +
      experience;
  }
}

function stretch(probability: number): number {
  return Math.log(probability / (1 - probability));
}

function trustOf(outcomes: number): number {
  if (outcomes < 4) return outcomes < 2 ? outcomes : 2;
  return outcomes < 8 ? 3 : outcomes < 20 ? 4 : 5;
}

/** Minute by minute up to an hour, then in steps of 6 %. */
function ageCell(age: number): number {
  if (age <= 60) return age - 1;
  return Math.min(ageCells - 1, 60 + Math.floor(Math.log(age / 60) / Math.log(1.06)));
}

function gapClass(minutes: number): number {
  return Math.min(gapClasses - 1, Math.floor(Math.log2(Math.max(1, minutes))));
}

/** Where the age stands to the last two distances, and whether the last ones were alike. */
function rhythmCell({ active, gaps: [newest, second, third] }: DemandHistory, age: number): number {
  if (active < 2) return 0;
  if (active < 3) return 1 + standing(age - newest);
  const alike = Math.abs(newest - second) <= 1;
  const steady = alike && Math.abs(newest - third) <= 1;
  return 20 + standing(age - newest) * 7 + standing(age - second) + (alike ? 49 : 0) + (steady ? 98 : 0);
}

function standing(difference: number): number {
  if (difference < 0) return difference < -8 ? 0 : difference < -2 ? 1 : 2;
  if (difference === 0) return 3;
  return difference <= 2 ? 4 : difference <= 8 ? 5 : 6;
}
