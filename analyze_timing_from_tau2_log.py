"""From a log to answers: `python analyze_timing_from_tau2_log.py --log_file logs/tau2_retail.log --output_dir analysis_results/`."""

from tau2_logging.cli.analyze_timing import main

if __name__ == "__main__":
    main()
