import { GENERATED_TRACES } from '../../scenarios/generate.ts';

/** Where a recorded trace is from, for whoever publishes results made with it. */
export interface Attribution {
  readonly what: string;
  readonly source: string;
  readonly licence: string;
}

const NAB = 'https://github.com/numenta/NAB/blob/ea702d75cc2258d9d7dd35ca8e5e2539d71f3140/data';
const NAB_LICENCE = 'MIT, © 2014–2024 Numenta Inc.';
const WORLD_CUP = {
  source:
    'M. Arlitt and T. Jin, “1998 World Cup Web Site Access Logs”, August 1998, [Internet Traffic Archive](https://ita.ee.lbl.gov/html/contrib/WorldCup.html); counts a minute by [nimamahmoudi/worldcup98-dataset](https://github.com/nimamahmoudi/worldcup98-dataset)',
  licence:
    'free to use and redistribute with its notice (HP, © 1997–1999); counts MIT, © 2019 Nima Mahmoudi',
};

const OWN = GENERATED_TRACES.map(({ name, what }): [string, Attribution] => [
  name,
  { what: `synthetic: ${what}`, source: 'scenarios/generate.ts', licence: 'this project’s' },
]);

/** By the trace’s file name without `.csv`. */
export const ATTRIBUTIONS: Readonly<Record<string, Attribution>> = {
  ...Object.fromEntries(OWN),
  worldcup98_argentina_england_2d_1m: {
    what: 'requests to the 1998 World Cup site, 2 days by the minute: a flash crowd',
    ...WORLD_CUP,
  },
  worldcup98_rampup_28d_1m: {
    what: 'the same site, 28 days by the minute: growth, then a step',
    ...WORLD_CUP,
  },
  nasa_http_jul95_27d_1m: {
    what: 'requests to the NASA Kennedy Space Center server, July 1995, by the minute: days and weeks with noise',
    source:
      'collected by Jim Dumoulin (Kennedy Space Center), contributed by Martin Arlitt and Carey Williamson (University of Saskatchewan), [Internet Traffic Archive](https://ita.ee.lbl.gov/html/contrib/NASA-HTTP.html)',
    licence: '“may be freely redistributed”',
  },
  nab_elb_request_count_14d_5m: {
    what: 'requests to an Elastic Load Balancer, 14 days by 5 minutes: noisy',
    source: `Numenta Anomaly Benchmark, [realAWSCloudwatch/elb_request_count_8c0756](${NAB}/realAWSCloudwatch/elb_request_count_8c0756.csv)`,
    licence: NAB_LICENCE,
  },
  nab_twitter_mentions_AAPL_30d_5m: {
    what: 'tweets that name AAPL, 30 days by 5 minutes: extremely bursty, and no web traffic',
    source: `Numenta Anomaly Benchmark, [realTweets/Twitter_volume_AAPL](${NAB}/realTweets/Twitter_volume_AAPL.csv)`,
    licence: NAB_LICENCE,
  },
  nyc_taxi_arrivals_30d_30m: {
    what: 'taxi passengers in New York, 30 days by 30 minutes: smooth days and weeks, and no web traffic',
    source: `Numenta Anomaly Benchmark, [realKnownCause/nyc_taxi](${NAB}/realKnownCause/nyc_taxi.csv), from public NYC TLC trip records`,
    licence: NAB_LICENCE,
  },
  azure_llm_code_2023_1h_15s: {
    what: 'requests to a code-completion model, 57 minutes by 15 seconds: on and off',
    source:
      'Microsoft Azure, [AzurePublicDataset](https://github.com/Azure/AzurePublicDataset), AzureLLMInferenceTrace_code (Patel et al., “Splitwise”, ISCA 2024); aggregated to request counts of 15 s',
    licence: 'CC BY 4.0',
  },
};
