module gantry/report

go 1.22
