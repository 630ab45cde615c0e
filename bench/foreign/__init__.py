"""A second simulator of laboratories, written without having read the twin, the detectors or their causes (bar D16).

``traces(split, n)`` of ``bench.foreign.make`` gives labelled traces, ``runs(split, n)`` of ``bench.foreign.pulses`` plays of pulses;
``python -m bench.foreign --write DIR`` writes traces as a lab's own files. How a trace is made:

1. A seed's hash says its split (``draws``). Tune on ``tuned`` alone: ``held`` is for the last measurement, has parameters of its own
   and layouts that ``tuned`` lacks. Within a split kinds, cases and layouts take turns.
2. A layout (``labs``) draws what people and machines do, and its physics makes of it what each sensor would show.
3. A case (``attacks_slow``, ``attacks_fast``, ``innocents``) changes what is done, or what is reported; noise stays as it was.
4. What it changes until the deadline goes to the matched detector (``matched``): an attack counts from an AUC of .99.
5. A host stamps the rows, loses some and sends some twice (``clocks``).

620 traces of a split hold 276 attacks, of which about nine in ten count, and 276 innocent ones. A matched detector knows the message of
a covert channel; nobody else does, so the truth of such a trace says how many bits a blind one needs.
"""
